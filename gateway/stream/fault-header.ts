/**
 * How a handling gateway marks its own refusals, and failures that it tells of, so that the entry knows them from a server's answers.
 * Between gateways only: it never reaches a client, and never a server.
 */
export const FAULT_HEADER = 'portolan-fault';
