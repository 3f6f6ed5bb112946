/**
 * The log: pino's JSON lines on stdout. Redaction happens here, at the sink, over the finished line: whatever a caller passed in, a text of
 * a token's shape does not leave the process.
 */
import pino from 'pino';
import type { Log } from '../ports.ts';

/** Portolan's own tokens, bearer credentials, JWTs (three parts, the first an object) and JWEs, nkey seeds, private keys. */
const SECRETS =
  /ptl_[a-z]{3}_[0-9A-Za-z]+(?:_[0-9A-Za-z]+)?|\b(?:Bearer\s+)+[^\s"\\]+|\beyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}|\bS[ACNOUX][A-Z2-7]{56}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----/g;

export const redact = (line: string): string => line.replace(SECRETS, '[redacted]');

/** Where finished lines go; stdout in a process. */
export interface Sink {
  write(line: string): void;
}

export function makeLog(level: string, fields: object, sink: Sink): Log {
  const redacting = { write: (line: string): void => sink.write(redact(line)) };
  return pino({ level, base: fields, timestamp: pino.stdTimeFunctions.isoTime }, redacting);
}
