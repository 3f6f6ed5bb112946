/**
 * Reads the body strictly and finds out what is asked, in which era. The bytes stay as they are; what is decided on is what the server will read.
 * Invariant: a session id counts only in a legacy request, so that modern markers, which anyone can forge, reach no session.
 */
import { classifyRequest, continueTrace, isModernVersion, refuse, type Scanned, scan } from '@portolan/core';
import { type Admitted, type Gateway, pass, type Read } from '../context.ts';

export async function read(admitted: Admitted, gateway: Gateway): Promise<Read> {
  if (admitted.method !== 'POST') return stream(admitted, gateway);
  const bytes = await admitted.body.read();
  const message = scan(bytes);
  const identified = pass(admitted, { idBytes: message.idBytes });
  if ('fault' in message) throw refuse(message.fault, { name: message.name, expected: message.expected });
  const known = pass(identified, { message, bytes });
  const { era } = eraOf(message, admitted);
  return pass(known, { era, callerSession: sessionOf(admitted, era), trace: traceOf(admitted, gateway, message) });
}

/** GET opens the server's stream, DELETE ends a session; both are the legacy era's, and without a body. */
function stream(admitted: Admitted, gateway: Gateway): Read {
  const version = text(admitted.headers['mcp-protocol-version']);
  const era = version !== undefined && isModernVersion(version) ? ('modern' as const) : ('legacy' as const);
  const nothing = { message: undefined, bytes: undefined, idBytes: undefined };
  return pass(admitted, {
    ...nothing,
    era,
    callerSession: sessionOf(admitted, era),
    trace: traceOf(admitted, gateway),
  });
}

function eraOf(message: Scanned, { headers }: Admitted) {
  const found = classifyRequest(message, headers);
  if ('fault' in found) throw refuse(found.fault, { name: found.name, expected: found.expected });
  return found;
}

const sessionOf = ({ headers }: Admitted, era: Read['era']): string | undefined =>
  era === 'legacy' ? text(headers['mcp-session-id']) : undefined;

const traceOf = ({ headers }: Admitted, { random }: Gateway, message?: Scanned): Read['trace'] =>
  continueTrace(random, message?.meta?.traceparent?.value, text(headers.traceparent));

const text = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;
