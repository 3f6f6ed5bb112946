/**
 * What the system promises, and the tests that hold each promise. Whoever makes a promise adds a row; requirements.test.ts fails for a row whose
 * proof is not there, and for a test of test/security or test/federation that proves no row.
 */

export interface Requirement {
  readonly id: string;
  /** Where it is promised: a page of this checkout, or a specification with its section. */
  readonly source: string;
  readonly says: string;
  /** Test file → title of a test in it, as it is written there. */
  readonly proofs: Readonly<Record<string, string>>;
}

const REQUEST = 'docs/architecture.md "The request"';
const NATS = 'docs/architecture.md "NATS"';
const BIRTH = 'docs/architecture.md "Birth in Kubernetes"';
const STACK = 'docs/architecture.md "Local stack"';
const ERRORS = 'docs/errors.md';
const CONFIGURATION = 'docs/configuration.md';
const DEADLINES = 'docs/deadlines.md';
const CERTIFICATES = 'docs/certificates.md';
const FLOWS = 'docs/flows.md';
const HTTP = 'MCP 2025-11-25, Streamable HTTP';

// table
export const requirements: readonly Requirement[] = [
  // the crossing
  {
    id: 'crossing',
    source: REQUEST,
    says: 'A call to a server behind another gateway crosses once; both gateways record it, and agree.',
    proofs: {
      'test/federation/crossing.test.ts': 'reaches the tool, and its audit row says which way it went',
      'gateway/test/crossing.test.ts': 'each gateway writes one record, and the two agree',
    },
  },
  {
    id: 'any-client',
    source: HTTP,
    says: 'Clients of both protocol eras reach every server from every gateway.',
    proofs: {
      'test/federation/crossing.test.ts': 'a modern client calls a modern server across two gateways',
      'test/compatibility/compatibility.test.ts':
        'the SDKs of both eras do through two gateways what they do directly, and in the same way',
      'test/compatibility/page.test.ts': 'what passes directly and not, or otherwise, through two gateways is lost',
      'test/compatibility/cable.test.ts':
        'an answer that was read to its end, and then the connection torn, is no cancellation',
    },
  },
  {
    id: 'conformance-legacy',
    source: 'docs/conformance.md',
    says: 'Revision 2025-11-25 passes the suite through two gateways, check by check.',
    proofs: {
      'test/conformance/conformance.test.ts': 'of revision 2025-11-25, every check passes through two gateways',
    },
  },
  {
    id: 'conformance-modern',
    source: 'docs/conformance.md',
    says: 'Revision 2026-07-28 passes the suite through two gateways, check by check.',
    proofs: {
      'test/conformance/conformance.test.ts': 'of revision 2026-07-28, every check passes through two gateways',
    },
  },
  {
    id: 'conformance-tasks',
    source: 'docs/conformance.md',
    says: 'Tasks (SEP-2663) pass through two gateways: made, read, answered, cancelled.',
    proofs: {
      'test/conformance/conformance.test.ts':
        'of the tasks extension, what is asked for and answered passes through two gateways',
    },
  },
  {
    id: 'removed-methods',
    source: 'MCP 2026-07-28, basic/transports/streamable-http',
    says: "A method that the revision has removed is unknown (404, -32601), and a version in `_meta` that is not the header's is a mismatch (-32020).",
    proofs: {
      'core/grants.test.ts': 'a modern subscription that names nothing asks for a method that is gone',
      'core/era.test.ts': '%s: refused',
    },
  },
  {
    id: 'conformance-baseline',
    source: 'docs/conformance.md',
    says: 'The baseline holds what is lost on the way and nothing else.',
    proofs: {
      'test/conformance/compare.test.ts': 'the baseline excuses what it names, and must not name what is not lost',
    },
  },
  {
    id: 'original-bytes',
    source: REQUEST,
    says: 'The server gets the bytes that the caller sent.',
    proofs: { 'gateway/test/crossing.test.ts': 'numbers and spacing of the body reach the server as they were sent' },
  },
  {
    id: 'unbuffered',
    source: HTTP,
    says: 'Events go on as they come.',
    proofs: { 'gateway/test/streams.test.ts': 'events go on as they come' },
  },
  {
    id: 'cancel-crosses',
    source: HTTP,
    says: 'A caller who leaves ends the exchange at the server, over hops, headers pending or not.',
    proofs: { 'gateway/test/streams.test.ts': 'a caller who leaves while the server thinks ends the exchange at once' },
  },
  {
    id: 'session-of-one',
    source: HTTP,
    says: 'A session lives at any entry gateway, and belongs to its principal alone.',
    proofs: {
      'test/federation/crossing.test.ts':
        'a legacy session lives at any entry gateway, and belongs to its principal alone',
      'gateway/test/stolen-session.test.ts':
        "another principal's session id, an invented one and one of another server: 404",
      'gateway/test/stolen-across-servers.test.ts':
        '%s: known where it is from, unknown to the same caller elsewhere; no server is asked',
      'gateway/adapters/handles/handle-sealer.test.ts':
        'of kind %s that are foreign, changed, torn or noise open to nothing',
    },
  },
  {
    id: 'event-of-one',
    source: 'docs/decisions/0009',
    says: 'A stream is taken up again by its caller alone; any other event id is unknown, and the server is not asked.',
    proofs: {
      'gateway/test/stolen-event-id.test.ts':
        "another's event id, with one's own session: 400, in the same words as any id that nobody was given, and the server is not asked",
    },
  },
  {
    id: 'task-of-one',
    source: 'docs/decisions/0009',
    says: 'A task is named, heard of and listed by whoever started it alone; no list that is known again holds the name of another.',
    proofs: {
      'gateway/test/stolen-task.test.ts':
        "another's, torn, raw, of another server or of another kind: unknown, in the same words, and the server is not asked",
      'gateway/stream/known-lists.test.ts':
        "a list with a sealed handle of its caller's in it is not remembered; the same list without one is",
      'core/grants.test.ts': 'tasks are listed in a session, for whoever may use everything',
    },
  },
  {
    id: 'state-of-one',
    source: 'docs/decisions/0009',
    says: 'A `requestState` goes back to its server from whom it was given to, byte for byte, and from nobody else.',
    proofs: {
      'gateway/test/stolen-request-state.test.ts':
        "another's, raw, torn, of another server, of another kind, or no text: refused in the same words, and the server is not asked",
    },
  },
  {
    id: 'answer-of-one',
    source: 'docs/decisions/0009',
    says: "A server's question is answered, and a call cancelled, by the one whose session it is.",
    proofs: {
      'gateway/test/stolen-answer.test.ts':
        "a stranger's answer reaches no session but his own; its owner's counts, from any entry gateway",
    },
  },
  {
    id: 'loop-once',
    source: REQUEST,
    says: 'A call that has crossed goes no further: one 508, and at most three requests in all.',
    proofs: {
      'test/security/registry-loop.test.ts': '%s: exactly one 508, and no third request',
      'test/security/loop.test.ts': '%s is 508',
      'gateway/test/crossing.test.ts':
        'a server whose proxy URL is another gateway comes back once: 508, and no third request',
    },
  },
  // who may what
  {
    id: 'closed-by-default',
    source: REQUEST,
    says: 'No grant, nothing: neither a call nor a place in a list.',
    proofs: { 'core/grants.test.ts': 'no grant, nothing: neither a call nor a list' },
  },
  {
    id: 'deny-closes',
    source: REQUEST,
    says: 'A deny never opens anything.',
    proofs: { 'core/grants.test.ts': 'a deny never opens anything' },
  },
  {
    id: 'listed-is-callable',
    source: REQUEST,
    says: 'What is listed is callable, and what is callable is listed; what is denied does not exist.',
    proofs: {
      'core/grants.test.ts': 'what is listed is callable, and what is callable is listed',
      'test/federation/crossing.test.ts': 'a tool without a grant is absent from the list and unknown to the call',
    },
  },
  {
    id: 'unknown-is-denied',
    source: ERRORS,
    says: 'A server without a grant answers like one that is not there, byte for byte.',
    proofs: {
      'gateway/test/refused-callers.test.ts':
        'an unknown server, and one without a grant: the same bytes, and only the audit knows',
    },
  },
  {
    id: 'decided-twice',
    source: REQUEST,
    says: 'The handling gateway decides for itself, whatever the entry gateway let pass.',
    proofs: {
      'gateway/test/refused-callers.test.ts':
        'a grant that only the entry has: the handling gateway decides for itself',
    },
  },
  {
    id: 'revoked-token',
    source: ERRORS,
    says: 'A revoked token stops working at every gateway; an expired one says so.',
    proofs: {
      'test/federation/crossing.test.ts': 'a revoked token stops working at every gateway, and the refusal is audited',
      'test/security/bad-input.test.ts': 'an expired token is 401 and says so',
    },
  },
  {
    id: 'token-stays',
    source: REQUEST,
    says: 'A token never leaves its entry gateway, and the proof that crosses is worth nothing elsewhere.',
    proofs: {
      'gateway/test/crossing.test.ts': 'the token, cookies and forwarding headers of the caller stay at the entry',
      'test/security/replayed-proof.test.ts': 'a proof for one gateway is refused by another',
      'test/security/token-passthrough.test.ts': '%s: the token is in nothing that leaves or is kept',
    },
  },
  {
    id: 'identity-headers',
    source: REQUEST,
    says: 'By whom and for whom a request was forwarded, no header of a caller says: the server sees ours alone.',
    proofs: {
      'test/security/spoofed-identity.test.ts': '%s, once, twice and listed by Connection, reaches no server',
    },
  },
  {
    id: 'headers-match-body',
    source: 'MCP 2026-07-28, Streamable HTTP',
    says: 'A header that contradicts the body, or itself, is refused; the body decides.',
    proofs: {
      'test/security/header-contradiction.test.ts': '%s: 400, recorded, and the server sees nothing',
    },
  },
  {
    id: 'hop-headers',
    source: REQUEST,
    says: 'Headers that only gateways may send are refused from everyone else.',
    proofs: { 'test/security/spoofed-hop-header.test.ts': '%s from a client is 400' },
  },
  // who is a gateway
  {
    id: 'mesh-authority',
    source: 'SPIFFE X.509-SVID §5',
    says: 'A peer is who its certificate says, under the mesh authority alone.',
    proofs: {
      'test/security/other-authority.test.ts':
        'a gateway name signed by another authority is refused, with a good proof too',
      'gateway/test/mesh-tls.test.ts': 'what answers for azure is %s: nothing is sent to it (%s)',
    },
  },
  {
    id: 'certificate-life',
    source: 'RFC 5280 §4.1.2.5',
    says: 'An expired certificate opens nothing, on a second connection neither.',
    proofs: {
      'test/security/expired-certificate.test.ts':
        'a certificate that has expired is refused, twice, while its successor is let in',
    },
  },
  {
    id: 'retired-is-out',
    source: 'docs/architecture.md "The REST API"',
    says: 'A retired gateway may neither call, nor go on calling, nor be called, nor renew.',
    proofs: {
      'test/security/retired-gateway.test.ts': 'a retired gateway may neither call, nor go on calling, nor renew',
      'gateway/test/dialled-peers.test.ts': 'a peer that is retired is cut',
      'control-plane/nats/attacks.test.ts':
        'a retired gateway is cut off within seconds, and stays out after the server was made anew',
    },
  },
  {
    id: 'change-cuts-nobody-else',
    source: REQUEST,
    says: 'A change of the registry cuts no connection that it does not concern.',
    proofs: {
      'test/security/kept-connection.test.ts': 'an open connection between gateways lives through a change of grants',
    },
  },
  {
    id: 'enrolment-once',
    source: 'docs/architecture.md "The REST API"',
    says: 'A one-time secret works once.',
    proofs: { 'control-plane/enrolment/enrolment.test.ts': 'a secret works once' },
  },
  {
    id: 'enrolment-pins',
    source: 'docs/architecture.md "The REST API"',
    says: 'Of the answer to its enrolment a gateway trusts only the mesh root and the snapshot keys that its file names.',
    proofs: {
      'gateway/adapters/identity/keep-identity.test.ts':
        'of roots and snapshot keys in the answer only the pinned ones are kept; others come in with a snapshot',
    },
  },
  {
    id: 'enrolment-by-pod',
    source: 'docs/architecture.md "Identity of a gateway"',
    says: 'A pod enrols by its projected service-account token, with keys of its own, and whenever it must; the token decides which gateway it is.',
    proofs: {
      'test/enrolment-by-pod.slow.test.ts':
        'two pods of one gateway, from their first token to a certificate that ended while one of them was away',
      'control-plane/enrolment/workload.test.ts':
        'gets the identity of the gateway that its token belongs to, and each replica keys and a row of its own',
      'gateway/adapters/identity/pod-identity.test.ts':
        'renews over mutual TLS and keeps whom it trusts; where that is refused it enrols again with the same keys',
      'provider/resources/registry.test.ts': 'a gateway whose pods enrol by their tokens needs none',
      'test/security/workload-names-gateway.test.ts': 'a body that names a gateway is refused as a whole',
    },
  },
  {
    id: 'pod-token-verified',
    source: 'docs/architecture.md "Identity of a gateway"; RFC 8725 §3',
    says: 'A token enrols nobody that is not signed by the issuer, for this audience and account, for one pod, now.',
    proofs: {
      'control-plane/workload-identity/verify.test.ts':
        'whatever it says, when another cluster signed it: not even that it has expired',
      'test/security/foreign-workload-token.test.ts':
        'a token of another namespace or service account of the same cluster is refused',
      'test/security/expired-workload-token.test.ts': 'a token that is %s is refused',
      'test/security/unbound-workload-token.test.ts':
        'a token that is bound to no pod is refused, and its sender is told',
      'test/security/workload-token-algorithms.test.ts':
        '%s with each spelling of the public key as its secret is refused',
    },
  },
  {
    id: 'pod-one-replica',
    source: 'docs/architecture.md "Identity of a gateway"',
    says: 'A pod has one replica and cannot have that of another; those of pods that are gone end with their certificates.',
    proofs: {
      'test/security/replayed-workload-token.test.ts':
        "another pod cannot have a replica's row by naming its keys: neither all that are public, nor one of them",
      'control-plane/enrolment/workload.test.ts':
        'pods come and go with new keys: rows and snapshot hold those alone whose certificate has not ended',
    },
  },
  {
    id: 'last-records',
    source: 'docs/deadlines.md "Draining"',
    says: 'A gateway that ends in order leaves no audit record behind, unless nobody can take it.',
    proofs: {
      'gateway/adapters/spool/ship-spool.test.ts':
        'an orderly end waits until the last record is in the database, and for NATS not at all',
    },
  },
  {
    id: 'issuer-keys-bounded',
    source: 'docs/architecture.md "Identity of a gateway"',
    says: "An issuer's address of keys costs the control plane little, whatever it answers, and holds for a day while it is away.",
    proofs: {
      'test/security/hostile-jwks.test.ts': 'one that is slow, byte by byte, is given 5 s, once for all who wait',
      'control-plane/workload-identity/issuer-keys.test.ts': 'hold for a day while their issuer is away',
    },
  },
  // what comes in, what may be dialled
  {
    id: 'strict-bodies',
    source: 'JSON-RPC 2.0 §4; RFC 8259 §4',
    says: 'What two readers could read differently is refused with a sentence, and audited.',
    proofs: {
      'test/security/bad-input.test.ts': '%s: refused with a sentence, and audited',
      'test/security/hostile-json.test.ts': '%s is refused, told and recorded, and the server sees nothing',
      'gateway/test/refused-requests.test.ts': '%s: refused, noted once, counted',
    },
  },
  {
    id: 'no-smuggling',
    source: 'RFC 9112 §11.2',
    says: 'Bytes that two HTTP readers could read as different requests are refused and audited.',
    proofs: {
      'test/security/malformed-http.test.ts': '%s: %i, audited',
      'test/security/request-smuggling.test.ts': '%s: one refusal, the connection ends, nothing reaches the server',
    },
  },
  {
    id: 'one-at-a-time',
    source: 'RFC 9112 §9.3.2, §9.6',
    says: 'The requests of one connection are begun one after another, and none behind an answer that ends it, or whose client has left.',
    proofs: {
      'gateway/test/pipelined.test.ts':
        'calls that wait behind another are not begun when their client leaves, nor without him',
    },
  },
  {
    id: 'bounded-bodies',
    source: CONFIGURATION,
    says: 'A body over the bound is 413; a list or an event over its bound is refused, and memory stays bounded.',
    proofs: {
      'test/security/bad-input.test.ts': 'a 10 MB body is 413',
      'gateway/test/streams.test.ts': 'an event as long as `answerBytes` allows goes on, a longer one ends the stream',
      'gateway/stream/held-bytes.test.ts':
        '%s of a megabyte that comes byte by byte holds megabytes, not an object a byte',
    },
  },
  {
    id: 'fair-share',
    source: CONFIGURATION,
    says: 'One caller takes no more than half of what a gateway holds at once.',
    proofs: {
      'gateway/test/fair-share.test.ts':
        'half of the bound for one caller, all of it for everyone; what has ended counts no more',
    },
  },
  {
    id: 'reach',
    source: STACK,
    says: 'A gateway dials MCP servers inside its reach alone: no metadata service, no door of the stack, however it is spelled.',
    proofs: {
      'test/security/upstream-out-of-reach.test.ts': 'a server registered at %s is refused, named and audited',
      'test/security/upstream-spellings.test.ts': '%s: 502, and the canary hears nothing',
      'gateway/adapters/undici-upstreams.test.ts':
        'a name that means the inside first, and loopback at the next dial, opens the inside alone',
      'core/reach.test.ts': '%s is dialled from nowhere, even where everything is open',
    },
  },
  {
    id: 'hostile-answers',
    source: 'docs/attacks.md',
    says: 'What no reader could read of an answer is refused, what is held of one has a bound, and other callers do not notice.',
    proofs: {
      'test/security/hostile-answers.test.ts':
        '%s as a JSON answer, and as an event: refused, recorded, nothing of it told',
    },
  },
  {
    id: 'hostile-lists',
    source: 'docs/attacks.md',
    says: 'A list of a hundred thousand tools is filtered, a longer one than is held refused; of one name there is one tool; other callers are served meanwhile.',
    proofs: {
      'test/security/hostile-lists.test.ts':
        'a hundred thousand that are more than is held: refused and recorded, and another caller is served meanwhile',
    },
  },
  {
    id: 'nothing-unpacked',
    source: 'docs/attacks.md',
    says: 'The gateway unpacks nothing: encoded requests and answers are refused by their heads.',
    proofs: { 'test/security/decompression-bomb.test.ts': '%s in an answer: refused unread' },
  },
  {
    id: 'slow-senders',
    source: 'docs/attacks.md',
    says: 'Who sends or reads slowly holds little, and not for ever; others are served meanwhile.',
    proofs: {
      'test/security/slow-clients.test.ts':
        'a hundred who never end their headers are hung up on, and others are served meanwhile',
    },
  },
  {
    id: 'fuzzed',
    source: 'docs/attacks.md',
    says: 'No bytes make the readers throw or disagree with JSON.parse, and none make the gateway answer 5xx.',
    proofs: {
      'test/fuzz/fuzz.test.ts': '$name',
      'test/fuzz/requests.test.ts': 'a request that is nearly right is answered, and never with 5xx',
    },
  },
  {
    id: 'no-response-splitting',
    source: 'RFC 9112 §11.1',
    says: 'What a server sends that is no HTTP, or more heads than an answer has, is refused by name; the next caller is unharmed.',
    proofs: {
      'test/security/hostile-http-server.test.ts': '%s: 502 that names the server, and the connection is gone',
    },
  },
  {
    id: 'no-foreign-redirect',
    source: 'RFC 9110 §15.4',
    says: 'A server redirects to its own origin or nowhere.',
    proofs: { 'gateway/test/servers.test.ts': 'a redirect %s: 502, and no Location reaches the caller' },
  },
  // when things fail
  {
    id: 'link-bounds',
    source: 'docs/decisions/0007',
    says: 'What a peer sends on a link can end that link, and nothing else; what it may make a gateway hold has a bound.',
    proofs: {
      'gateway/test/link-breaches.test.ts': 'of answers that are asked for and never read: the link is cut',
      'gateway/test/link-answers.test.ts': '%s: 502 peer_failed, and the next call has a new link',
      'gateway/adapters/link/link.test.ts':
        'whose reader does not read gets one window and no more, until he reads; others go on meanwhile',
    },
  },
  {
    id: 'failure-names-the-hop',
    source: ERRORS,
    says: 'A gateway that is down is named: within the connect timeout, or, behind an open link, once it has left five pings unanswered.',
    proofs: {
      'test/federation/outage.test.ts': 'a gateway that %s, and wakes up as if nothing had been',
      'gateway/test/dialled-peers.test.ts': 'a slow tool is waited for, however quiet the peer is',
    },
  },
  {
    id: 'outage',
    source: NATS,
    says: 'NATS, control plane and PostgreSQL dead: calls go on, a gateway restarts, no audit record is lost or doubled.',
    proofs: {
      'test/federation/outage.test.ts': 'an outage of everything above the gateways costs no call and no audit record',
    },
  },
  {
    id: 'audit-survives-kill',
    source: NATS,
    says: 'A call that was answered is recorded, whatever is killed.',
    proofs: {
      'gateway/adapters/spool/spool.test.ts': 'loses no record whose append had resolved, in 8 kills',
      'gateway/test/streams.test.ts':
        'the record is written before the last byte: of JSON, and of the event that answers',
    },
  },
  {
    id: 'flood-of-strangers',
    source: NATS,
    says: 'Refusals of strangers are recorded in a bound of their own: a flood of them stops nobody else.',
    proofs: {
      'gateway/adapters/spool/spool.test.ts':
        'a flood of refusals of strangers is bounded, counted, and leaves room for the known',
    },
  },
  {
    id: 'snapshot-signed',
    source: NATS,
    says: 'A gateway applies only what the control plane signed for it, and never an older revision.',
    proofs: { 'gateway/adapters/snapshot/snapshot-registry.test.ts': 'of an equal or lower revision changes nothing' },
  },
  {
    id: 'server-status',
    source: 'docs/architecture.md "The request"',
    says: 'Each MCP server is reported as the gateway that dials it finds it: reachable, era, versions, tools, last error; unknown is said to be unknown.',
    proofs: {
      'gateway/test/server-prober.test.ts':
        'that speaks both eras, one that speaks the older alone, one that refuses it',
      'control-plane/status/federation-status.test.ts':
        'an MCP server is what the gateway that it stands behind says of it, as long as that one is heard from',
      'test/federation/crossing.test.ts':
        'status: every MCP server as its gateway finds it, in the API and in the command',
    },
  },
  {
    id: 'era-is-probed',
    source: 'MCP 2026-07-28, basic/versioning',
    says: 'The era of a server is decided by codes alone, kept with its date, and asked for again; what decides nothing changes nothing.',
    proofs: {
      'core/upstream-era.test.ts':
        'whatever it says with them, 401, 403, 429 and 5xx decide nothing; whether it is there, they do',
      'gateway/test/server-prober.test.ts':
        'a legacy verdict does not last: the server learns the newer era and is found out; so is one that unlearns it',
    },
  },
  {
    id: 'lost-parts',
    source: NATS,
    says: 'A document whose parts NATS has lost comes over HTTPS, and the parts come back.',
    proofs: {
      'gateway/adapters/snapshot/follow-snapshot.test.ts': 'NATS holds a document %s: it comes over HTTPS',
      'control-plane/publish/publisher.test.ts':
        'a part that the stream has lost is there again after a restart, though its head never changed',
    },
  },
  {
    id: 'audit-retention',
    source: 'docs/configuration.md, `auditRetention`',
    says: 'Audit records are deleted once they have been kept for as long as they must be, and no sooner.',
    proofs: {
      'control-plane/ledger/retention.test.ts':
        'what has been here for longer than the bound goes, batch by batch; a locked row is passed over',
    },
  },
  {
    id: 'wakes-up',
    source: 'docs/configuration.md, `renewGrace`',
    says: 'A machine that slept past the end of its certificates heals itself.',
    proofs: {
      'test/federation/sleep.test.ts':
        'certificates that expired during a sleep are renewed on waking, without a restart',
    },
  },
  // what clients meet
  {
    id: 'paths',
    source: 'docs/clients.md "Paths"',
    says: 'A server is at three paths, with or without a trailing slash; no other spelling leads to it, and nothing redirects.',
    proofs: { 'gateway/test/paths.test.ts': 'is at %s' },
  },
  {
    id: 'one-token-many-spellings',
    source: 'docs/clients.md "The token"',
    says: 'The scheme may stand there twice, in any case; the token reaches no server.',
    proofs: { 'gateway/test/paths.test.ts': '%s: 401' },
  },
  {
    id: 'browser-clients',
    source: 'docs/clients.md "Browsers"',
    says: 'A page of an allowed origin may call and read every answer, refusals too; its preflight needs no token.',
    proofs: {
      'gateway/test/cors.test.ts':
        'to an allowed origin can be read: of a server here and behind a hop, and no upstream says who may',
    },
  },
  {
    id: 'foreign-origin',
    source: 'docs/clients.md "Browsers"',
    says: 'A page of any other origin is refused, preflight included, without a CORS header.',
    proofs: { 'gateway/test/foreign-origin.test.ts': '%s, %j' },
  },
  {
    id: 'foreign-host',
    source: 'docs/clients.md "Browsers"',
    says: 'A Host that is nobody’s here is refused, so DNS rebinding opens nothing.',
    proofs: { 'gateway/test/foreign-host.test.ts': '%s, %s: 421' },
  },
  {
    id: 'custom-headers',
    source: 'docs/clients.md "Headers of your own"',
    says: 'Headers that a server is registered to take reach it, and no others; the object itself reaches no server, record or log.',
    proofs: {
      'gateway/test/custom-headers.test.ts': 'arrive at %s, and the header that brought them does not',
      'core/custom-headers.test.ts': 'whatever it reads is a header that HTTP can carry, and what JSON.parse reads',
    },
  },
  {
    id: 'statuses',
    source: 'docs/clients.md "Statuses"',
    says: 'A status means to a client what the specification says, and a refused request gets its id back.',
    proofs: { 'gateway/test/statuses.test.ts': '%i is given for these alone' },
  },
  // up, down
  {
    id: 'up-again',
    source: 'README.md',
    says: '`up` again changes nothing, or repairs exactly what is dead.',
    proofs: { 'test/federation/repair.test.ts': 'repairs exactly the process that was killed' },
  },
  {
    id: 'down-leaves-nothing',
    source: 'README.md',
    says: '`down` leaves no process and no port behind.',
    proofs: { 'test/federation/repair.test.ts': 'leaves no process and no port behind, and can be run twice' },
  },
  {
    id: 'no-secret-leaks',
    source: 'docs/architecture.md "Processes"',
    says: 'No secret stands in state, logs, configuration, arguments, environments or streams.',
    proofs: {
      'test/federation/repair.test.ts':
        'into state, logs, configuration, run files, spools, snapshots, database or streams',
    },
  },
  {
    id: 'bad-argument',
    source: STACK,
    says: 'A program with an argument that cannot be used registers nothing.',
    proofs: { 'stacks/all-or-nothing.test.ts': 'that fails late registers nothing; that does not, everything' },
  },
  // lists
  {
    id: 'tools-hidden',
    source: 'docs/lists.md',
    says: 'What a server hides exists for nobody, whatever the grants; hiding opens nothing.',
    proofs: { 'core/grants.test.ts': 'what a server hides is hidden whatever the grants, and hiding opens nothing' },
  },
  {
    id: 'list-is-callable',
    source: 'docs/lists.md',
    says: 'What is listed is callable, and what is callable is listed.',
    proofs: { 'core/grants.test.ts': 'what is listed is callable, and what is callable is listed' },
  },
  {
    id: 'empty-pages',
    source: 'docs/lists.md',
    says: 'A page that the filter empties is skipped where the list goes on; a list that never ends has a bound.',
    proofs: { 'gateway/test/list-pages.test.ts': 'pages with nothing in them for the caller are skipped: %s' },
  },
  {
    id: 'list-changed',
    source: 'docs/lists.md',
    says: 'A snapshot that changes what a caller sees says so on his open streams, and on nobody else’s.',
    proofs: {
      'gateway/test/list-changed.test.ts':
        'not of what changes for others, or elsewhere, or does not change what is seen',
    },
  },
  {
    id: 'lists-known',
    source: 'docs/lists.md',
    says: 'A list is taken for known only under the same rules, and byte for byte.',
    proofs: {
      'gateway/stream/known-lists.test.ts':
        'another rule, another server, another byte, another id than was asked for: not known',
    },
  },
  {
    id: 'list-leaked',
    source: 'docs/lists.md',
    says: 'No list leaks by an encoding or a wrong label.',
    proofs: { 'gateway/test/list-leaked.test.ts': 'by %s: nothing hidden reaches the caller' },
  },
  // time, replicas and restarts
  {
    id: 'deadlines-of-a-server',
    source: DEADLINES,
    says: 'A registration shortens or lengthens the deadlines of its server, at both gateways of a call; else ten minutes without a byte, an hour in all.',
    proofs: {
      'gateway/test/deadlines.test.ts': 'a registration may shorten the whole: both gateways hold to it',
      'gateway/flights.test.ts': 'ten minutes without a byte end it, and no byte less',
    },
  },
  {
    id: 'thinking-is-not-counted',
    source: DEADLINES,
    says: 'While a person thinks about what a server has asked, no deadline runs, at any gateway of the call; for a day at most.',
    proofs: {
      'gateway/test/deadlines.test.ts':
        'while a person thinks about %s, no deadline runs; from the next event on, they do',
      'gateway/flights.test.ts': 'may do so for a day in all, and is then silent like everybody else',
    },
  },
  {
    id: 'quiet-streams-speak',
    source: DEADLINES,
    says: 'An open stream on which nothing happens gets a comment every 25 s at least, from the gateway that faces the caller; TCP keep-alive runs on every socket.',
    proofs: {
      'gateway/test/deadlines.test.ts':
        'an open stream that says nothing gets comments, from the gateway that faces the caller alone; none is taken for an event',
      'gateway/flights.test.ts': 'gets a comment at most 25 s after what was written last, and so on',
      'gateway/test/keep-alive.test.ts': 'it runs after 30 s, on every socket that a gateway accepts or dials',
    },
  },
  {
    id: 'any-replica',
    source: 'docs/replicas.md "What a handle carries"',
    says: 'Any replica of either gateway serves any request of a session: elicitation, sampling and roots work a hundred times of a hundred.',
    proofs: {
      'gateway/test/replicas.test.ts':
        'a stream is taken up at another replica, and the end of a session is one everywhere',
    },
  },
  {
    id: 'acme-own-certificate',
    source: CERTIFICATES,
    says: 'A control plane that orders its own certificate is alive at once and ready with it; of several one orders, all show it, and no connection breaks off when it is renewed.',
    proofs: {
      'control-plane/acme/control-plane.test.ts':
        'birth: alive at once, ready only with its first certificate; of two control planes one orders and both show it',
    },
  },
  {
    id: 'acme-gateway-certificate',
    source: CERTIFICATES,
    says: 'A gateway with an ordered certificate is ready once it has it; a renewed one is shown without a dropped connection; it serves after a restart with everything else dead.',
    proofs: {
      'test/federation/public-certificates.test.ts':
        'a renewed certificate is shown to who comes, and no connection that is open breaks off',
      'gateway/adapters/delivered-certificate.test.ts':
        'a delivered certificate is taken up at once, and again after a restart with nobody to ask',
    },
  },
  {
    id: 'acme-keys-are-sealed',
    source: CERTIFICATES,
    says: 'The key of an ordered certificate is nowhere in clear but in the files of the control plane and of NATS; no replica opens the one of another.',
    proofs: {
      'test/federation/public-certificates.test.ts':
        'the key is nowhere in clear: not in the database, not on disks of the gateway, not in a log',
      'gateway/adapters/delivered-certificate.test.ts': 'on the disk of another replica the key does not open',
    },
  },
  {
    id: 'acme-nats',
    source: CERTIFICATES,
    says: 'In Kubernetes NATS shows the certificate that the control plane ordered, and a renewed one without a connection lost; nobody but pods of NATS gets its key.',
    proofs: {
      'control-plane/nats-agent/public-certificate.slow.test.ts':
        'a renewed one is shown to the next client, and no connection that is open breaks off',
      'test/kubernetes/configuration.test.ts':
        'with certificates by ACME, control plane, agents of NATS and gateways read that, and where the keys lie',
    },
  },
  {
    id: 'acme-kubernetes',
    source: CERTIFICATES,
    says: 'In Kubernetes keys for orders come from Secrets that the server alone mounts, and rules open the networks named and no others.',
    proofs: {
      'stacks/kubernetes.test.ts':
        'its pods reach the directory by TCP and the DNS servers by UDP and TCP, at the networks named and no others',
    },
  },
  {
    id: 'acme-renewal',
    source: CERTIFICATES,
    says: 'Certificates are renewed at two thirds of their life; failures wait longer each time, orders are gone on with, and somebody is told past three quarters.',
    proofs: {
      'control-plane/acme/issuer.slow.test.ts':
        'an order that failed is gone on with by the next process, and no second one is made',
      'control-plane/acme/schedule.test.ts':
        'a failure is tried again: after a minute, twice as long each time, six hours at most, never before the server says',
    },
  },
  {
    id: 'acme-challenges',
    source: CERTIFICATES,
    says: 'Challenges are written by signed dynamic updates, where the CNAMEs of their name lead to, and nowhere else.',
    proofs: {
      'control-plane/acme/issuer.slow.test.ts': 'follows a CNAME: the challenge is written where it leads',
      'control-plane/acme/dns/tsig.test.ts':
        'an answer that was changed, replayed, kept back, or signed by another key does not hold',
    },
  },
  {
    id: 'rolling-restart',
    source: DEADLINES,
    says: 'SIGTERM to one replica after the other fails no call; kill -9 those of that process alone.',
    proofs: {
      'test/faults/rolling-restart.test.ts':
        'SIGTERM, one replica after the other, under load, with streams and long calls: no call fails, no stream breaks off',
    },
  },
  // policies
  {
    id: 'policies-stop',
    source: 'docs/policies.md "The rules"',
    says: 'Each rule stops what it is for and lets its neighbours pass.',
    proofs: {
      'components/rules/image-by-digest.test.ts': 'stops: %s',
      'components/rules/restricted-pods.test.ts': 'stops: %s',
      'components/rules/default-deny.test.ts': 'stops: %s',
      'components/rules/no-plain-secret.test.ts': 'stops: %s',
      'components/rules/no-key-material.test.ts': 'stops: %s',
      'components/rules/mesh-mutual-tls.test.ts': 'stops: %s',
      'components/rules/symmetric-matrix.test.ts':
        'for any mesh: rendered at both ends it passes; with any one end taken away it does not',
      'components/rules/no-open-443.test.ts': 'stops: %s',
    },
  },
  {
    id: 'policies-under-the-engine',
    source: 'docs/policies.md',
    says: 'The pack runs by our language host; a violation stops an update before its resource is made, and says what to do.',
    proofs: {
      'policies/engine.test.ts': 'a violation is refused before its resource is made, in words that say what to do',
      'policies/shelf.test.ts': '%s is mandatory, has a reason, and its line in docs/policies.md',
    },
  },
  {
    id: 'policies-and-unknowns',
    source: 'docs/policies.md "When they are asked"',
    says: 'What only an update knows stops no preview, hides nothing beside it, and is judged by the update.',
    proofs: {
      'policies/engine.test.ts': 'what only an update knows is refused by nothing, and hides nothing beside it',
      'policies/read-properties.test.ts': 'unknowns are named, wherever they stand, and everything else is as it was',
    },
  },
  {
    id: 'policies-loosened',
    source: 'docs/policies.md "Loosening one for a stack"',
    says: 'Each policy can be loosened for a stack by its name, and the others go on.',
    proofs: {
      'policies/engine.test.ts':
        'every policy is asked, and each can be loosened by its name in the policy configuration of a stack',
    },
  },
  {
    id: 'policies-in-constructors',
    source: 'docs/policies.md',
    says: 'A constructor refuses what the pack would, with its argument and the way out.',
    proofs: {
      'components/rules/image-by-digest.test.ts':
        'a tag is refused with the argument, what was expected, and the command that finds the digest',
    },
  },

  // the networks
  {
    id: 'flows-and-nothing-else',
    source: FLOWS,
    says: 'Of all pairs of pods, addresses and ports of a federation, the rules of its clusters let exactly the flows through, at both ends.',
    proofs: {
      'components/sites/kubernetes-site/network-policies.test.ts':
        'of all pairs of pods, addresses and ports, exactly those may connect that must',
      'components/flows/flows.test.ts': 'a pair is symmetric: the same flows whoever is named first, one each way',
      'test/harness/netpol.test.ts': 'the example: who reaches port 6379 of role=db',
    },
  },
  {
    id: 'flows-of-one-more',
    source: FLOWS,
    says: 'A gateway more adds rules and changes none; rules depend on the planes that they name, and planes on no rule.',
    proofs: {
      'components/sites/kubernetes-site/network-policies.test.ts':
        'a gateway more adds policies, and changes none of those that were there',
      'components/flows/flows.test.ts':
        'rules of a plane name that plane, its control plane and nobody else, so that they make no cycle',
    },
  },
  {
    id: 'flows-told',
    source: FLOWS,
    says: '`npx portolan flows` prints each rule with its reason and both ends.',
    proofs: { 'tools/stack/flows.test.ts': 'each rule stands with its reason, both ends and ports' },
  },

  // Kubernetes
  {
    id: 'kubernetes-cycle',
    source: 'docs/kubernetes.md "What is proved"',
    says: 'In clusters `up` goes on after a failure, changes nothing when nothing changed, adds a gateway by its own and the symmetric rules alone, and `down` leaves nothing.',
    proofs: {
      'test/federation/clusters.test.ts':
        'one gateway more makes its own and the symmetric rules, and changes the matrix alone',
      'test/kubernetes/configuration.test.ts':
        'the control plane reads its file: keys in the database, Secrets of birth, NATS by its agents',
      'stacks/kubernetes.test.ts': 'every pod keeps the restricted standard, whatever it runs',
    },
  },
  {
    id: 'kubernetes-crossing',
    source: 'docs/kubernetes.md "What is proved"',
    says: 'What the manifests of stack onprem describe really runs, from its images, and a call crosses from one cluster to the other; a replica that is killed costs the other nothing.',
    proofs: {
      'test/kubernetes/crossing.test.ts': 'a call enters in Berlin and is answered in Paris; its audit row says both',
      'test/harness/kubelet.slow.test.ts':
        'a container has a user, no capability, no way to one, and a root that it cannot write to',
    },
  },
  {
    id: 'kubernetes-judged',
    source: 'docs/dependencies.md',
    says: 'Manifests are judged by a real Kubernetes API, in preview already; where its programs cannot be had the rest of the tests runs.',
    proofs: {
      'test/stand-ins/kubernetes/kubernetes.slow.test.ts':
        'what the API does not know or refuses is refused in preview already, with object and field',
      'test/stand-ins/kubernetes/cluster.test.ts': 'a killed test leaves no cluster',
    },
  },

  // images
  {
    id: 'image-contents',
    source: 'docs/architecture.md "Images"',
    says: 'The images of the planes have no shell, no root, no secret and nothing to run but Node, in at most 200 MB, and say what is in them.',
    proofs: {
      'test/images/images.test.ts': '%s: no shell, no package manager, nothing to run but itself',
    },
  },

  // birth in Kubernetes
  {
    id: 'birth-secrets',
    source: BIRTH,
    says: 'Secrets are made inside the cluster, once; one that is there is never written again.',
    proofs: {
      'control-plane/kubernetes/birth.test.ts':
        'it makes the key-encryption key and the password once, and says which, not what',
    },
  },
  {
    id: 'admin-token-secret',
    source: BIRTH,
    says: 'The first admin token goes into a Secret only where it is made; a Secret that was deleted does not come back.',
    proofs: {
      'control-plane/init/admin-token-secret.test.ts':
        'it is made once and opens the API; deleted, it does not come back',
    },
  },
  {
    id: 'keys-in-database',
    source: BIRTH,
    says: 'Keys live in PostgreSQL under the KEK: one set however many inits begin at once; another KEK is refused and changes nothing.',
    proofs: {
      'control-plane/init/stored-keys.test.ts':
        'two inits at once on two empty directories end with one set of keys, and a third reads it',
      'control-plane/two-planes.slow.test.ts': 'a replica whose directory is gone is born again with the same keys',
    },
  },
  {
    id: 'two-control-planes',
    source: BIRTH,
    says: 'Two replicas of the control plane on one database: both answer, both enrol; where the leader is killed the other publishes.',
    proofs: {
      'control-plane/two-planes.slow.test.ts':
        'whichever replica leads is killed: the other publishes, and the one that comes back serves on',
    },
  },
  {
    id: 'three-nats-servers',
    source: BIRTH,
    says: 'Three NATS servers on what agents wrote: streams have three replicas, the death of a server loses nothing, and one that lost its store lets in nobody who is retired.',
    proofs: {
      'control-plane/two-planes.slow.test.ts': 'a server is killed: no record is lost, and it comes back whole',
    },
  },
  {
    id: 'nats-rotation',
    source: BIRTH,
    says: 'Certificates of NATS servers are renewed and loaded while they run, without a connection lost.',
    proofs: {
      'control-plane/nats-agent/rotation.test.ts':
        'a certificate is renewed before it ends and loaded without a connection lost; routes are made anew with it',
    },
  },
  {
    id: 'who-is-a-nats-server',
    source: BIRTH,
    says: 'No gateway is let in as a NATS server, no NATS server is taken for a gateway, and the keys of NATS go to no other pod.',
    proofs: {
      'control-plane/nats-agent/rotation.test.ts':
        'a gateway is let in as no server, though its certificate is of the same mesh',
    },
  },
];
