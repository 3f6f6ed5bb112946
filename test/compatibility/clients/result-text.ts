/** The text of a tool's result, of whichever client it came from. */

interface Result {
  readonly content?: readonly { readonly type?: string; readonly text?: string }[];
  readonly isError?: boolean;
}

/** Text blocks joined by line ends. Throws, with that text, where the tool reports an error. */
export function resultText(result: unknown): string {
  const { content = [], isError } = result as Result;
  const text = content.map((block) => block.text ?? '').join('\n');
  if (isError) throw new Error(`the tool failed: ${text}`);
  return text;
}
