/** One frame of a link as it goes over the wire. */
import { type Frame, HEADER_BYTES, writeHeader } from '../adapters/link/frames.ts';

export function frameBytes({ payload, ...frame }: Frame): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  writeHeader(bytes, 0, { ...frame, length: payload.length });
  payload.copy(bytes, HEADER_BYTES);
  return bytes;
}
