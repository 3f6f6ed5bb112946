import type { Refusal } from '@portolan/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RewriteData, type Rewriting, SseRewriter } from './sse.ts';
import { everywhere, torn } from './test-torn.ts';

const cuts = fc.oneof(fc.array(fc.nat(), { maxLength: 8 }), fc.constant(everywhere));

const keep: RewriteData = () => undefined;
const keepAll: Rewriting = { data: keep };

function run(chunks: readonly Buffer[], rewrite: RewriteData | Rewriting, maxEventBytes = 4096): string {
  const sse = new SseRewriter(typeof rewrite === 'object' ? rewrite : { ...keepAll, data: rewrite }, maxEventBytes);
  return Buffer.concat([...chunks.flatMap((chunk) => sse.take(chunk)), ...sse.end()]).toString();
}
const once = (text: string, rewrite: RewriteData): string => run([Buffer.from(text)], rewrite);

interface Event {
  readonly data: string;
  readonly type: string;
  readonly id: string;
}

/** The specification read aloud (WHATWG HTML §9.2.5, §9.2.6), on the whole text. What no blank line ends is not dispatched. */
function events(text: string): readonly Event[] {
  const found: Event[] = [];
  let data: string[] = [];
  let type = '';
  let id = '';
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (data.length > 0) found.push({ data: data.join('\n'), type, id });
      data = [];
      type = '';
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'data') data.push(value);
    if (field === 'event') type = value;
    if (field === 'id') id = value;
  }
  return found;
}

const lineText = fc.oneof(
  fc.constantFrom(
    '',
    '',
    '',
    'data',
    'data:',
    'data: {"a":1}',
    'data:x',
    'data:  two blanks',
    'dat',
    'data2: no',
    'Data: no',
  ),
  fc.constantFrom('id: 7', 'id', 'retry: 10', 'event: message', ': ping', ':', 'data: é🧭'),
  fc.string({ unit: fc.constantFrom(...'data: {}"x\ufeff'), maxLength: 12 }).filter((line) => /^[a-z:]/.test(line)),
);
const streams = fc
  .tuple(
    fc.constantFrom('', '', '\ufeff'),
    fc.array(fc.tuple(lineText, fc.constantFrom('\n', '\n', '\r\n', '\r')), { maxLength: 25 }),
    lineText,
  )
  .map(([bom, lines, last]) => bom + lines.map((line) => line.join('')).join('') + last);

test('whatever the chunks, what is left alone is the very same bytes', () => {
  fc.assert(
    fc.property(streams, cuts, (text, places) => {
      expect(run(torn(Buffer.from(text), places), keep)).toBe(text);
    }),
    { numRuns: 5_000 },
  );
});

test('whatever the chunks, the function gets the data that a reader would get', () => {
  fc.assert(
    fc.property(streams, cuts, (text, places) => {
      const seen: string[] = [];
      const whole = `${text}\n\n`;
      run(torn(Buffer.from(whole), places), (data) => void seen.push(data.toString()));
      expect(seen).toEqual(events(whole).map((event) => event.data));
    }),
    { numRuns: 5_000 },
  );
});

test('whatever the chunks, a reader gets the new data, and all else as it was', () => {
  const upper = (data: string): string => (data.includes('x') ? `${data.toUpperCase()}\nsecond line` : data);
  fc.assert(
    fc.property(streams, cuts, (text, places) => {
      const whole = `${text}\n\n`;
      const out = run(torn(Buffer.from(whole), places), (data) => Buffer.from(upper(data.toString())));
      expect(events(out)).toEqual(events(whole).map((event) => ({ ...event, data: upper(event.data) })));
    }),
    { numRuns: 5_000 },
  );
});

test('an id is replaced where it stands, and everything else stays', () => {
  const upper = (data: string): string => data.toUpperCase();
  fc.assert(
    fc.property(streams, cuts, fc.boolean(), (text, places, dataToo) => {
      const whole = `${text}\n\n`;
      const data = (bytes: Buffer) => (dataToo ? Buffer.from(upper(bytes.toString())) : undefined);
      const id = (bytes: Buffer) => (bytes.length === 0 ? undefined : Buffer.from(`sealed-${bytes}`));
      const out = run(torn(Buffer.from(whole), places), { data, id });
      expect(events(out)).toEqual(
        events(whole).map((event) => ({
          ...event,
          data: dataToo ? upper(event.data) : event.data,
          id: event.id && `sealed-${event.id}`,
        })),
      );
      if (!dataToo) expect(out.replaceAll('sealed-', '')).toBe(whole);
    }),
    { numRuns: 5_000 },
  );
});
test.each([
  ['the only id', 'id: 7\ndata: a\n\n', 'id: x\ndata: a\n\n', ':\ndata: a\n\n'],
  ['of an event that primes', 'id: 7\ndata:\n\n', 'id: x\ndata:\n\n', ':\ndata:\n\n'],
  ['of an event without data', 'retry: 5\r\nid:7\r\n\r\n', 'retry: 5\r\nid: x\r\n\r\n', 'retry: 5\r\n:\r\n\r\n'],
  ['of two', 'id: 7\nid: 8\rdata: a\n\n', 'id: x\nid: x\rdata: a\n\n', ':\n:\rdata: a\n\n'],
  ['that the end cuts off', 'data: a\nid: 7', 'data: a\nid: x', 'data: a\n:'],
  ['no id', 'identity: 7\nid : 7\nID: 7\n\n', 'identity: 7\nid : 7\nID: 7\n\n', 'identity: 7\nid : 7\nID: 7\n\n'],
])('%s: replaced, or taken out without a trace of it', (_what, text, replaced, without) => {
  expect(run([Buffer.from(text)], { data: keep, id: () => Buffer.from('x') })).toBe(replaced);
  expect(run([Buffer.from(text)], { data: keep, id: () => Buffer.alloc(0) })).toBe(without);
});

test('an event goes on with its blank line, not later', () => {
  const sse = new SseRewriter(keepAll, 4096);
  const out = (text: string): string => Buffer.concat([...sse.take(Buffer.from(text))]).toString();
  expect(out('id: 1\ndata: a\n')).toBe('');
  expect(out('\n')).toBe('id: 1\ndata: a\n\n');
  expect(out('data: b\r\r')).toBe('data: b\r\r');
  expect(out('\n')).toBe('\n');
  expect(out('data: c\n\ndata: d\n\ndata: e')).toBe('data: c\n\ndata: d\n\n');
});

test('a comment between events goes on at once, one inside an event stays in its place', () => {
  const sse = new SseRewriter(keepAll, 4096);
  const out = (text: string): string => Buffer.concat([...sse.take(Buffer.from(text))]).toString();
  expect(out(':\r\n')).toBe(':\r\n');
  expect(out(': keep')).toBe('');
  expect(out('-alive\n')).toBe(': keep-alive\n');
  expect(out('data: a\n: inside\n')).toBe('');
  expect(out('\n')).toBe('data: a\n: inside\n\n');
  expect(out(':\n')).toBe(':\n');
});

test.each([
  ['one line', 'id: 1\ndata: old\n\n', 'id: 1\ndata: new\n\n'],
  [
    'with its own line ends',
    'event: message\r\ndata: old\r\nid: 1\r\n\r\n',
    'event: message\r\ndata: new\r\nid: 1\r\n\r\n',
  ],
  ['many lines', 'data: o\nretry: 5\ndata: ld\n\n', 'data: new\nretry: 5\n:\n\n'],
  ['an event that the end cuts off', 'data: old', 'data: new'],
  ['an event after a BOM', '\ufeffdata: old\n\n', '\ufeffdata: new\n\n'],
])('replaces %s', (_, before, after) => {
  expect(once(before, () => Buffer.from('new'))).toBe(after);
});

test('new data of many lines, or of none, is framed as data', () => {
  expect(once('data: x\r\n\r\n', () => Buffer.from('a\n\nb'))).toBe('data: a\r\ndata: \r\ndata: b\r\n\r\n');
  expect(once('data: x\n\n', () => Buffer.alloc(0))).toBe('data: \n\n');
  expect(once('data: x\n\n', () => Buffer.from('a\n'))).toBe('data: a\ndata: \n\n');
});

test('an event over the cap ends the stream, however it comes', () => {
  const fault = (chunks: readonly string[]): string | undefined => {
    try {
      run(
        chunks.map((chunk) => Buffer.from(chunk)),
        keep,
        100,
      );
    } catch (error) {
      return (error as Refusal).code;
    }
    return undefined;
  };
  expect(fault([`data: ${'x'.repeat(92)}\n\n`])).toBeUndefined();
  expect(fault([`data: ${'x'.repeat(93)}\n\n`])).toBe('upstream_invalid');
  expect(fault(Array.from({ length: 101 }, () => 'x'))).toBe('upstream_invalid');
  expect(fault(Array.from({ length: 30 }, () => 'data: x\n'))).toBe('upstream_invalid');
  expect(fault(Array.from({ length: 1_000 }, () => 'data: x\n\n'))).toBeUndefined();
});

test('what the function throws ends the stream', () => {
  expect(() =>
    once('data: x\n\n', () => {
      throw new Error('no');
    }),
  ).toThrow('no');
});

test('megabytes of short lines cost no more than their length', () => {
  const start = process.cpuUsage();
  run([Buffer.from('x\r'.repeat(1_000_000))], keep, 8_000_000);
  run(
    Array.from({ length: 4_000 }, () => Buffer.from(`data: ${'y'.repeat(900)}\n`)),
    keep,
    8_000_000,
  );
  expect(process.cpuUsage(start).user / 1_000).toBeLessThan(3_000);
});

test.each([
  ['{"result":{"tools":[]}}\n\n', ':\n\n'],
  ['[1]\r\n\r\n', ':\r\n\r\n'],
  [' data: x\n\n', ':\n\n'],
  ['data: x\n\x1f\x8b\ndata: y\n\n', 'data: x\n:\ndata: y\n\n'],
  ['data: x\n[1]', 'data: x\n:'],
])('a line that begins no field does not go on: %j', (text, without) => {
  expect(once(text, keep)).toBe(without);
});
test('thousands of comments and blank lines that come at once go on at once, in one piece', () => {
  const rewriter = new SseRewriter({ data: () => undefined }, 1_000);
  expect(rewriter.take(Buffer.from('\n'.repeat(5_000) + ':\n'.repeat(5_000)))).toHaveLength(1);
  expect(rewriter.take(Buffer.from(`${':\n'.repeat(9)}data: x\n\n${'\r\n'.repeat(9)}`)).length).toBeLessThanOrEqual(3);
});
