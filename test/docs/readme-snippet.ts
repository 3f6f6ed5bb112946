/**
 * The program that a reader of "Add a server" in README.md ends up with: stacks/local.ts with the page's lines before its `return`, in memory alone.
 * Answers what the compiler says of it under the checkout's own settings.
 */
import { join } from 'node:path';
import ts from 'typescript';

export interface Snippet {
  /** The lines that start with `import`, which replace the import of the same module. */
  readonly imports: readonly string[];
  readonly statements: string;
}

/** The `ts` block under a heading of a Markdown page. Throws where there is none. */
export function snippetUnder(page: string, heading: string): Snippet {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const block = /```ts\n([\s\S]*?)```/.exec(section)?.[1];
  if (block === undefined) throw new Error(`no ts block under "${heading}"`);
  const lines = block.split('\n');
  const isImport = (line: string) => line.startsWith('import ');
  return { imports: lines.filter(isImport), statements: lines.filter((line) => !isImport(line)).join('\n') };
}

/** Throws where an import of the snippet replaces nothing, or where the program does not return exactly once. */
export function insert(program: string, { imports, statements }: Snippet): string {
  const replaced = imports.reduce((text, line) => {
    const module = / from '([^']+)';/.exec(line)?.[1] ?? '';
    const old = text.split('\n').find((one) => one.startsWith('import {') && one.endsWith(` from '${module}';`));
    if (old === undefined) throw new Error(`the program imports nothing from ${module}`);
    return text.replace(old, line);
  }, program);
  const [head, tail, ...more] = replaced.split('\n  return {\n');
  if (tail === undefined || more.length > 0) throw new Error('expected one return in the program');
  return `${head}\n${statements}\n  return {\n${tail}`;
}

/** What the compiler says of `text` as if it stood in the file `path`, absolute; nothing is written. Empty when all is well. */
export function typeErrors(root: string, path: string, text: string): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const host = ts.createCompilerHost(options);
  const read = host.readFile.bind(host);
  const source = host.getSourceFile.bind(host);
  host.readFile = (name) => (name === path ? text : read(name));
  host.getSourceFile = (name, ...rest) =>
    name === path ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2024) : source(name, ...rest);
  const program = ts.createProgram([path], options, host);
  const file = program.getSourceFile(path);
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(({ messageText }) =>
    ts.flattenDiagnosticMessageText(messageText, '\n'),
  );
}
