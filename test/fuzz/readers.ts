/** How others read what we read: JSON.parse over strict UTF-8; and what of our own errors is a refusal, not a crash. */
import { isUtf8 } from 'node:buffer';
import { Refusal } from '@portolan/core';

/** The value; undefined where JSON.parse throws, or the bytes are no UTF-8. */
// biome-ignore lint/suspicious/noExplicitAny: it is whatever the bytes say
export function parsed(bytes: Buffer): any {
  if (!isUtf8(bytes)) return undefined;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

export const isRefusal = (error: unknown): boolean => error instanceof Refusal;
