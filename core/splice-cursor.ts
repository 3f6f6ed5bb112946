/** Asks for another page of a list: puts a cursor into the body of the request; all other bytes stay the caller's. */
import { JsonCursor, type Range } from './json-cursor.ts';

/** The body has been scanned: these bounds are not the ones that protect anybody. */
const LIMITS = { depth: 256, keys: Number.POSITIVE_INFINITY, unique: false } as const;

/** `body` with `params.cursor` (MCP, Pagination) set to `cursor`, a JSON string as it stands in the page before, quotes included. */
export function spliceCursor(body: Buffer, cursor: Buffer): Buffer {
  const { params, member } = find(body);
  if (member) return splice(body, member, [cursor]);
  if (params && body[params.start] === OPEN_BRACE) {
    const at = params.start + 1;
    const isEmpty = /^\s*\}$/.test(body.toString('latin1', at, params.end));
    return splice(body, { start: at, end: at }, [MEMBER, cursor, isEmpty ? NOTHING : COMMA]);
  }
  if (params) return splice(body, params, [OPEN, MEMBER, cursor, CLOSE]);
  const at = body.indexOf(OPEN) + 1;
  return splice(body, { start: at, end: at }, [PARAMS, OPEN, MEMBER, cursor, CLOSE, COMMA]);
}

const OPEN_BRACE = 0x7b;
const [NOTHING, OPEN, CLOSE, COMMA] = ['', '{', '}', ','].map((text) => Buffer.from(text)) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];
const MEMBER = Buffer.from('"cursor":');
const PARAMS = Buffer.from('"params":');

/** Where the values of `params` and of its `cursor` stand. */
function find(body: Buffer): { readonly params: Range | undefined; readonly member: Range | undefined } {
  const json = new JsonCursor(body, LIMITS);
  let params: Range | undefined;
  let member: Range | undefined;
  json.object((key) => {
    if (key !== 'params') json.skip();
    else if (!json.atObject) params = json.skip();
    else {
      params = json.object((inner) => {
        const start = json.peekAt();
        json.skip();
        if (inner === 'cursor') member = { start, end: json.at };
      });
    }
  });
  return { params, member };
}

const splice = (body: Buffer, { start, end }: Range, instead: readonly Buffer[]): Buffer =>
  Buffer.concat([body.subarray(0, start), ...instead, body.subarray(end)]);
