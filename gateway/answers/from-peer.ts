/**
 * What another gateway answered. It has judged the server already; its own refusals are marked, and pass as they are, so that the caller sees
 * which hop refused. What is not marked and looks like a failure is the hop's own.
 * Invariant: a caller never learns of a quarrel between gateways more than that there is one.
 */
import { type FaultCode, faults, type Refusal, refuse } from '@portolan/core';
import type { Armed, Gateway, Reply } from '../context.ts';
import type { Answer } from '../ports.ts';
import { FAULT_HEADER } from '../stream/fault-header.ts';
import { asksForList, refused, relayAnswer } from './relay-answer.ts';

/** Refusals of a gateway by a gateway, which are no business of the caller. */
const BETWEEN_GATEWAYS = new Set<FaultCode>([
  'peer_certificate',
  'peer_unknown',
  'proof_invalid',
  'hop_header_malformed',
  'hop_header_spoofed',
]);

export function fromPeer(call: Armed, answer: Answer, gateway: Gateway): Reply | Promise<Reply> {
  const hop = call.server.gateway;
  const fault = faultOf(answer.headers[FAULT_HEADER]);
  const quarrel = fault && quarrelOf(fault, hop);
  if (quarrel) throw refused(answer, quarrel);
  if (!fault && isStrange(answer.status)) {
    throw refused(answer, refuse('peer_failed', { hop, detail: `unmarked ${answer.status}` }));
  }
  const sessionId = answer.headers['mcp-session-id'];
  const added = {
    sessionId: typeof sessionId === 'string' ? sessionId : undefined,
    fault,
    list: asksForList(call),
    page: undefined,
  };
  return relayAnswer(call, mayBreakOff(answer) ? untilFault(call, answer) : answer, added, gateway);
}

/** What a peer says of us, not of our caller; that the caller has left we would know first. */
function quarrelOf(fault: FaultCode, hop: string): Refusal | undefined {
  if (BETWEEN_GATEWAYS.has(fault)) return refuse('peer_refused_us', { hop, detail: fault });
  return fault === 'caller_left' ? refuse('peer_failed', { hop, detail: fault }) : undefined;
}

/** No server's answer: the handling gateway passes none of these on unmarked. */
const isStrange = (status: number): boolean =>
  status >= 500 || status === 401 || status === 403 || (status >= 300 && status < 400);

function faultOf(marked: string | string[] | undefined): FaultCode | undefined {
  return typeof marked === 'string' && Object.hasOwn(faults, marked) ? (marked as FaultCode) : undefined;
}

/** A body without a length may end with what broke it off at the handling gateway. */
const mayBreakOff = (answer: Answer): boolean => answer.headers['content-length'] === undefined;

/** The same answer, whose body breaks off here, too. */
const untilFault = (call: Armed, answer: Answer): Answer => ({ ...answer, body: checked(call, answer) });

/** No generator: one that is left before it has begun would not leave what it reads from. */
const checked = (call: Armed, answer: Answer): AsyncIterable<Buffer> => ({
  [Symbol.asyncIterator]() {
    const source = answer.body[Symbol.asyncIterator]();
    return {
      async next() {
        const step = await source.next();
        if (step.done) checkWhole(call, answer);
        return step;
      },
      return: async () => source.return?.() ?? { done: true, value: undefined },
    };
  },
});

function checkWhole({ server: { gateway: hop, name } }: Armed, answer: Answer): void {
  const told = answer.brokenBy();
  const code = faultOf(told);
  const quarrel = code && quarrelOf(code, hop);
  if (quarrel) throw quarrel;
  if (code) throw refuse(code, { name, hop, expected: 'it broke off' });
  if (told !== undefined) throw refuse('peer_failed', { hop, detail: told.slice(0, 100) });
}
