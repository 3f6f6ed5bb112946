/**
 * Whether a PostgreSQL takes sessions, asked as pg_isready asks: the first message of a session, and the kind of answer.
 * No session comes of it. PostgreSQL documentation, "Message Formats" (StartupMessage, ErrorResponse) and "Error Codes".
 */

/** It is starting, stopping or recovering. Every other error comes from a server that takes sessions. */
const cannotConnectNow = '57P03';
const protocolVersion = 196_608; // 3.0

/** StartupMessage of a user that need not exist. */
export const startupMessage: Buffer = startup('user\0portolan-readiness\0\0');

/** undefined: it takes sessions. */
export function refusalOf(answer: Buffer): string | undefined {
  const isError = answer[0] === 'E'.charCodeAt(0);
  const text = answer.toString('latin1');
  return isError && text.includes(`C${cannotConnectNow}\0`) ? 'PostgreSQL is starting or recovering' : undefined;
}

function startup(parameters: string): Buffer {
  const message = Buffer.alloc(8 + parameters.length);
  message.writeInt32BE(message.length, 0);
  message.writeInt32BE(protocolVersion, 4);
  message.write(parameters, 8, 'latin1');
  return message;
}
