/**
 * Reads HTTP/1.1 responses off a keep-alive connection that carries one request at a time: status, body by
 * Content-Length or chunks, and whether the peer will close. As little as the load needs, so that its own cost is small;
 * it is no client for anything else. Throws on anything it does not understand, rather than count it as an answer.
 */
export interface Scanned {
  readonly status: number;
  readonly body: Buffer;
  /** True when the peer closes the connection after this response. */
  readonly last: boolean;
}

interface Head {
  readonly status: number;
  readonly length: number | 'chunked';
  readonly last: boolean;
  readonly end: number;
}

const blankLine = '\r\n\r\n';

export class ResponseScanner {
  #held: Buffer = Buffer.alloc(0);

  /** The response, once its last byte is there; undefined until then. */
  push(chunk: Buffer): Scanned | undefined {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const head = readHead(this.#held);
    if (!head) return undefined;
    const read = head.length === 'chunked' ? readChunks(this.#held, head.end) : readLength(this.#held, head);
    if (!read) return undefined;
    if (read.end !== this.#held.length) throw new Error('bytes after the end of the response');
    this.#held = Buffer.alloc(0);
    return { status: head.status, body: read.body, last: head.last };
  }
}

function readHead(bytes: Buffer): Head | undefined {
  const blank = bytes.indexOf(blankLine);
  if (blank < 0) return undefined;
  const text = bytes.toString('latin1', 0, blank).toLowerCase();
  const status = Number(text.slice(9, 12));
  if (!text.startsWith('http/1.1 ') || !(status >= 200))
    throw new Error(`unexpected status line: ${text.slice(0, 40)}`);
  const length = /\r\ncontent-length: *(\d+)/.exec(text)?.[1];
  if (length === undefined && !/\r\ntransfer-encoding: *chunked/.test(text)) throw new Error('response without length');
  return {
    status,
    length: length === undefined ? 'chunked' : Number(length),
    last: /\r\nconnection: *close/.test(text),
    end: blank + blankLine.length,
  };
}

function readLength(bytes: Buffer, head: Head): { body: Buffer; end: number } | undefined {
  const end = head.end + Number(head.length);
  return bytes.length < end ? undefined : { body: bytes.subarray(head.end, end), end };
}

/** RFC 9112 §7.1, without trailers. */
function readChunks(bytes: Buffer, from: number): { body: Buffer; end: number } | undefined {
  const parts: Buffer[] = [];
  for (let at = from; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    if (!Number.isInteger(size)) throw new Error('a chunk without a size');
    const end = line + 2 + size + 2;
    if (bytes.length < end) return undefined;
    if (size === 0) return { body: Buffer.concat(parts), end };
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = end;
  }
}
