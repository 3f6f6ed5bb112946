/**
 * The log: JSON lines on standard output. What looks like a token is masked in every string, whatever field it is in, so a mistake elsewhere shows no secret.
 */
import pino, { type DestinationStream, type Logger } from 'pino';

/** Our tokens, and whatever stands behind "Bearer". Private keys never come as strings that are logged, but a PEM would be cut too. */
const SECRET =
  /ptl_[a-z]{3}_[0-9A-Za-z]{10}_[0-9A-Za-z]{10,}|Bearer\s+[^\s"\\]+|-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*/g;

export const masked = (line: string): string => line.replace(SECRET, '***');

export function makeLog(to: { write(line: string): unknown } = process.stdout): Logger {
  const destination: DestinationStream = { write: (line) => void to.write(masked(line)) };
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
