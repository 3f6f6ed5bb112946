import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonWatch } from './json-watch.ts';
import { everywhere, torn } from './test-torn.ts';

const cuts = fc.oneof(fc.array(fc.nat(), { maxLength: 8 }), fc.constant(everywhere));

/** What got through, and whether all of it did. */
function watch(chunks: readonly Buffer[], json = new JsonWatch()): { readonly out: string; readonly cut: boolean } {
  const out: Buffer[] = [];
  try {
    for (const chunk of chunks) out.push(...json.take(chunk));
    out.push(...json.end());
    return { out: Buffer.concat(out).toString(), cut: false };
  } catch {
    return { out: Buffer.concat(out).toString(), cut: true };
  }
}
const isCut = (text: string): boolean => watch([Buffer.from(text)]).cut;

const LISTS = ['tools', 'prompts', 'resources', 'resourceTemplates'];
const isList = (message: unknown): boolean => {
  const { result } = message as { result?: Record<string, unknown> };
  return (
    typeof result === 'object' &&
    result !== null &&
    !Array.isArray(result) &&
    LISTS.some((key) => Array.isArray(result[key]))
  );
};

const anything = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, 1.5, -2e10, 'tools', '"tools":[', '\\', 'é', ''),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('result', 'tools', 'resources', 'Tool', 'x', 'te"x', 'back\\'), tie('value'), {
      maxKeys: 4,
    }),
  ),
})).value;
const messages = fc.record(
  { jsonrpc: fc.constant('2.0'), result: anything, error: anything, params: anything },
  { requiredKeys: [] },
);

test('whatever the chunks: cut off exactly where it is a list, and else the very same bytes', () => {
  fc.assert(
    fc.property(messages, fc.nat(2), cuts, (message, indent, places) => {
      const text = JSON.stringify(message, null, indent);
      const { out, cut } = watch(torn(Buffer.from(text), places));
      expect(cut).toBe(isList(message));
      if (!cut) expect(out).toBe(text);
    }),
    { numRuns: 10_000 },
  );
});

test('whatever the chunks, nothing of the list gets through', () => {
  const text = '{"id":1,"result":{"x":[1,{"tools":[]}],"re\\u0073ources":{},"t\\u006fols":[{"name":"secret"}]}}';
  fc.assert(
    fc.property(cuts, (places) => {
      const { out, cut } = watch(torn(Buffer.from(text), places));
      expect(cut).toBe(true);
      expect(text.startsWith(out)).toBe(true);
      expect(out).not.toContain(':[{');
    }),
  );
});

test.each([
  ['an escaped key', '{"result":{"\\u0074ools":['],
  [
    'every letter escaped',
    `{"result":{"${[...'resourceTemplates'].map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join('')}":[`,
  ],
  ['an escaped result', '{"re\\u0073ult":{"tools":['],
  ['a second result', '{"result":{},"result":{"tools":['],
  ['a result after a result that was none', '{"result":[{}],"result":{"tools":['],
  ['a second list', '{"result":{"tools":{},"tools":['],
  ['other case', '{"Result":{"TOOLS":['],
  ['a long s', '{"result":{"too\u006c\u017f":['],
  ['a batch', '[{"result":{"tools":[]}}]'],
  ['a second text', '{"id":1}\n{"result":{"tools":['],
  ['a second text without a list', '{} {}'],
  ['a comment', '{"result":/* */{"tools":['],
  ['single quotes', "{'result':{'tools':["],
  ['a byte order mark', '\ufeff{"result":{"tools":['],
  ['UTF-16', '{\0"\0'],
  ['a bare string', '"tools"'],
  ['nothing but a closing brace', '}'],
])('cut off: %s', (_, text) => {
  expect(isCut(text)).toBe(true);
});

test.each([
  ['lists elsewhere', '{"error":{"tools":[]},"params":{"result":{"tools":[]}},"result":{"content":[{"tools":[]}]}}'],
  ['the word as a value', '{"result":{"a":"tools","b":["tools"]}}'],
  ['a key that only begins like one', '{"result":{"tool":[],"toolset":[],"xtools":[]}}'],
  ['a very long key', `{"result":{"${'tools'.repeat(1_000)}":[]}}`],
  ['a key of broken escapes', '{"result":{"\\u00zz":[]}}'],
  ['nothing', ''],
  ['a text that breaks off', '{"result":{"content":[{"te'],
])('passes: %s', (_, text) => {
  expect(isCut(text)).toBe(false);
});

const sealing = () => new JsonWatch((kind, handle) => `${kind}<${handle}>`);

test('handles of the result are replaced whatever the chunks, and nothing of one goes on', () => {
  const text =
    '{"id":1,"result":{"x":{"taskId":"no"},"requestState":"a\\"\\u00e9","task\\u0049d" : "t","taskId":5,"y":["taskId","no"]},"taskId":"no"}';
  fc.assert(
    fc.property(cuts, (places) => {
      const { out, cut } = watch(torn(Buffer.from(text), places), sealing());
      expect(cut).toBe(false);
      expect(out).toBe(
        '{"id":1,"result":{"x":{"taskId":"no"},"requestState":"state<a\\"é>","task\\u0049d" : "task<t>","taskId":5,"y":["taskId","no"]},"taskId":"no"}',
      );
    }),
  );
  const half = watch([Buffer.from('{"result":{"requestState":"secr')], sealing());
  expect(half).toEqual({ out: '{"result":{"requestState":', cut: false });
});

test.each([
  ['broken escapes', '{"result":{"requestState":"\\u00zz"'],
  ['more than a megabyte', `{"result":{"requestState":"${'x'.repeat(1_100_000)}`],
])('a handle of %s is cut off', (_what, text) => {
  expect(watch([Buffer.from(text)], sealing()).cut).toBe(true);
});
