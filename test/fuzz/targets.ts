/** What is fuzzed: one property a reader, over bytes that are nearly right. Shared by `npm test` (few cases) and `npm run fuzz` (many). */
import { compileGrants, filterAnswer, scan } from '@portolan/core';
import fc from 'fast-check';
import { FrameReader } from '../../gateway/adapters/link/frames.ts';
import { JsonWatch } from '../../gateway/stream/json-watch.ts';
import { SseRewriter } from '../../gateway/stream/sse.ts';
import { isRefusal, parsed } from './readers.ts';

export interface Target {
  readonly name: string;
  readonly property: fc.IPropertyWithHooks<never> | fc.IRawProperty<unknown>;
}

const words = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\u00',
    '\\ud800',
    'id:',
    'data: ',
    'data:',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\0',
    '\ufeff',
  ],
  ...[
    '"jsonrpc":"2.0"',
    '"id":1',
    '"method":"tools/call"',
    '"params":{"name":"a"}',
    '"result":{"tools":[{"name":"b"}]}',
    '1e400',
    '-0',
    'null',
  ],
);
const message = fc
  .record(
    {
      jsonrpc: fc.constant('2.0'),
      id: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
      method: fc.option(fc.constantFrom('tools/call', 'resources/read', 'x'), { nil: undefined }),
      params: fc.jsonValue({ maxDepth: 3 }),
      result: fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.record({ tools: fc.array(fc.record({ name: fc.string() })) })),
    },
    { requiredKeys: ['jsonrpc'] },
  )
  .map((value) => JSON.stringify(value));
/** Right texts, pieces of right texts, and bytes, one after another. */
export const bytes: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: words.map((text) => Buffer.from(text)) },
      { weight: 2, arbitrary: message.map((text) => Buffer.from(text)) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }).map((few) => Buffer.from(few)) },
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));
const either: fc.Arbitrary<Buffer> = fc.oneof(
  bytes,
  message.map((text) => Buffer.from(text)),
);
const cuts = fc.array(fc.nat(2_000), { maxLength: 6 });

function chunks(all: Buffer, places: readonly number[]): readonly Buffer[] {
  const at = [...new Set(places.map((place) => place % (all.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, i) => all.subarray(start, at[i] ?? all.length));
}
/** Pushes everything; what came out, or undefined where it was refused. Any other error is a crash. */
function through(
  filter: { take(chunk: Buffer): readonly Buffer[]; end(): readonly Buffer[] },
  parts: readonly Buffer[],
): Buffer | undefined {
  try {
    const out = parts.flatMap((part) => [...filter.take(part)]);
    return Buffer.concat([...out, ...filter.end()]);
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

const BOM = Buffer.from('\ufeff');
/** What of an event stream is fields, comments and line ends; a line that is none of these is an empty comment. */
function fieldsOf(body: Buffer): Buffer {
  let begin = 0;
  while (begin < BOM.length && body[begin] === BOM[begin]) begin += 1;
  const text = body.toString('latin1', begin).replace(/(^|\r\n|\r|\n)(?![a-zA-Z:\r\n])[^\r\n]+/g, '$1:');
  return Buffer.concat([body.subarray(0, begin), Buffer.from(text, 'latin1')]);
}

const grants = compileGrants([]);
const same = (one: Buffer | undefined, other: Buffer | undefined): boolean =>
  one === undefined || other === undefined ? one === other : one.equals(other);

// table
export const targets: readonly { readonly name: string; readonly property: fc.IProperty<never> }[] = [
  {
    name: 'the scanner takes what JSON.parse takes, and sees the same',
    property: fc.property(either, (body) => {
      const scanned = scan(body);
      if ('fault' in scanned) return true;
      const value = parsed(body);
      return (
        value !== undefined &&
        value.method === scanned.method &&
        (scanned.id === undefined || Object.is(value.id, scanned.id))
      );
    }),
  },
  {
    name: 'the list filter lets no element through that nobody granted, for any reader of JSON',
    property: fc.property(either, (body) => {
      const filtered = filterAnswer(body, grants, 's');
      if (filtered.kind === 'unreadable') return true;
      const value = parsed(filtered.kind === 'filtered' ? filtered.bytes : body);
      const tools = value?.result?.tools;
      return value !== undefined && !(Array.isArray(tools) && tools.length > 0);
    }),
  },
  {
    name: 'the watch on long answers lets no list through, however it is cut',
    property: fc.property(either, cuts, (body, places) => {
      const whole = through(new JsonWatch(), [body]);
      const cut = through(new JsonWatch(), chunks(body, places));
      return same(whole, cut) && (whole === undefined || !Array.isArray(parsed(body)?.result?.tools));
    }),
  },
  {
    name: 'the event stream reader gives the same bytes, however they are cut',
    property: fc.property(bytes, cuts, (body, places) => {
      const data = (found: Buffer) => (found.includes('b') ? Buffer.from('x') : undefined);
      const reader = () => new SseRewriter({ data }, 100_000);
      const kept = through(new SseRewriter({ data: () => undefined }, 100_000), chunks(body, places));
      return (
        same(through(reader(), [body]), through(reader(), chunks(body, places))) &&
        (kept === undefined || kept.equals(fieldsOf(body)))
      );
    }),
  },
  {
    name: 'the frame reader of a link finds the same frames, however they are cut',
    property: fc.property(
      fc.uint8Array({ maxLength: 300 }).map((few) => Buffer.from(few)),
      fc.nat(40),
      cuts,
      (body, length, places) => {
        const framed = Buffer.concat([Buffer.from([0, 0, length, 2, 0, 0, 0, 1]), body]);
        return frames([framed]) === frames(chunks(framed, places));
      },
    ),
  },
] as never;

function frames(parts: readonly Buffer[]): string {
  const found: string[] = [];
  const reader = new FrameReader(({ type, last, stream, payload }) =>
    found.push(`${type} ${last} ${stream} ${payload.toString('hex')}`),
  );
  try {
    for (const part of parts) reader.push(part);
  } catch (error) {
    if ((error as Error).constructor.name !== 'Breach') throw error;
    found.push('breach');
  }
  return found.join('\n');
}
