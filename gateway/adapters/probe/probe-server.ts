/**
 * One probe of an MCP server: its era, then what it says of itself and how many tools it has. It asks as a client without credentials would.
 * Invariant: a session that it opened is ended again, whatever happened in it; it throws nothing that a server can cause.
 */
import {
  discoverVerdict,
  initializeVerdict,
  type McpServer,
  Refusal,
  refuse,
  type SelfDescription,
  streamVerdict,
  type Undecided,
  type UpstreamEra,
} from '@portolan/core';
import type { Clock, UpstreamTransport } from '../../ports.ts';
import { type Asking, askServer, endSession, firstEvent, type Heard, ProbeEnding } from './ask-server.ts';

const PROBE_MS = 10_000;
const END_SESSION_MS = 2_000;
const MAX_PAGES = 20;
const MODERN_VERSION = '2026-07-28';
const LEGACY_VERSION = '2025-11-25';

export interface ProbeSettings {
  readonly upstreams: UpstreamTransport;
  readonly clock: Clock;
  /** Of this gateway. */
  readonly version: string;
  /** For all of a probe together; default 10 s. */
  readonly probeMs?: number;
}

export interface ProbeRequest {
  readonly server: McpServer;
  /** What the probe before has found. */
  readonly era: UpstreamEra | null;
  /** Send `initialize` even so: to a modern server, which may speak both, and to a legacy one, whose session it opens. */
  readonly askLegacy: boolean;
}

/** `era` undefined: this probe has not decided it. `askedLegacy`: it did, so that "modern" means "modern alone". */
export interface Probed {
  readonly reachable: boolean;
  readonly era: UpstreamEra | undefined;
  readonly askedLegacy: boolean;
  readonly versions: readonly string[];
  readonly self: SelfDescription | undefined;
  /** Undefined where it was not counted. */
  readonly tools: number | undefined;
  readonly latencyMs: number | undefined;
  /** A session was opened that the server would not end. */
  readonly leftSession: boolean;
  readonly fault: Refusal | undefined;
}

const NOTHING: Probed = {
  reachable: false,
  era: undefined,
  askedLegacy: false,
  versions: [],
  self: undefined,
  tools: undefined,
  latencyMs: undefined,
  leftSession: false,
  fault: undefined,
};

export async function probeServer(settings: ProbeSettings, request: ProbeRequest, until: AbortSignal): Promise<Probed> {
  const { server } = request;
  const { probeMs = PROBE_MS } = settings;
  const ending = new ProbeEnding();
  const late = refuse('upstream_timeout', {
    name: server.name,
    hop: server.gateway,
    expected: `a probe has ${probeMs} ms`,
  });
  const timer = setTimeout(() => ending.end(late), probeMs);
  const stop = (): void => ending.end(refuse('draining'));
  until.addEventListener('abort', stop, { once: true });
  if (until.aborted) stop();
  try {
    return await new Probe(settings, request, ending).run();
  } finally {
    clearTimeout(timer);
    until.removeEventListener('abort', stop);
  }
}

class Probe {
  readonly #settings: ProbeSettings;
  readonly #request: ProbeRequest;
  readonly #asking: Asking;
  /** What is known so far: what fails later takes none of it away. */
  #found: Probed = NOTHING;
  /** As the server has named them; one that keeps none has named none. */
  readonly #sessions = new Set<string>();
  #id = 0;

  constructor(settings: ProbeSettings, request: ProbeRequest, ending: ProbeEnding) {
    this.#settings = settings;
    this.#request = request;
    const opened = (sessionId: string): void => void this.#sessions.add(sessionId);
    this.#asking = { upstreams: settings.upstreams, server: request.server, ending, opened };
  }

  async run(): Promise<Probed> {
    try {
      await this.#discover(MODERN_VERSION, true);
    } catch (error) {
      onlyRefusals(error);
      this.#note({ fault: error as Refusal });
    } finally {
      const ended = await Promise.all([...this.#sessions].map((session) => this.#end(session)));
      this.#note({ leftSession: ended.includes(false) });
    }
    return this.#found;
  }

  async #discover(version: string, first: boolean): Promise<void> {
    const { clock } = this.#settings;
    const begun = clock.monotonic();
    const answer = await this.#modern('server/discover', version);
    if (first) this.#note({ latencyMs: Math.round(clock.monotonic() - begun) });
    const verdict = discoverVerdict(answer, version);
    if (verdict.kind === 'undecided') return this.#undecided(verdict);
    if (verdict.kind === 'ask-again' && first) return this.#discover(verdict.version, false);
    if (verdict.kind === 'initialize') return this.#notModern();
    const versions = verdict.kind === 'modern' ? verdict.versions : [version];
    const self = verdict.kind === 'modern' ? verdict.self : undefined;
    this.#note({ reachable: true, era: 'modern', versions, self });
    if (self)
      this.#note({
        tools: self.offersTools ? await this.#count((page) => this.#modern('tools/list', version, page)) : 0,
      });
    if (this.#request.askLegacy) await this.#askModernForLegacy().catch(onlyRefusals);
  }

  /** It is there, in any case; where nothing has changed that is all that is asked. */
  async #notModern(): Promise<void> {
    const { askLegacy, era } = this.#request;
    if (!askLegacy && era === 'legacy') return this.#note({ reachable: true });
    const { verdict, answer } = await this.#initialize();
    if (verdict.kind === 'undecided') return this.#undecided(verdict);
    if (verdict.kind === 'modern') return this.#note({ reachable: true, era: 'modern', versions: verdict.versions });
    if (verdict.kind === 'stream') return this.#stream(answer.status);
    const { version, self } = verdict;
    this.#note({ reachable: true, era: 'legacy', askedLegacy: true, versions: [version], self });
    await this.#inSession(answer, version, async (ask) => {
      this.#note({ tools: self.offersTools ? await this.#count((page) => ask('tools/list', page)) : 0 });
    });
  }

  /** Beside the point: whatever goes wrong here is no fault of the server's. */
  async #askModernForLegacy(): Promise<void> {
    const { verdict, answer } = await this.#initialize();
    if (verdict.kind === 'undecided' && answer.status >= 500) return; // decides nothing, so it is asked again
    this.#note({ askedLegacy: true });
    if (verdict.kind !== 'legacy') return;
    const { versions } = this.#found;
    this.#note({
      era: 'dual',
      versions: [...versions.filter((version) => version !== verdict.version), verdict.version],
    });
    await this.#inSession(answer, verdict.version, async () => {});
  }

  async #stream(refused: number): Promise<void> {
    const verdict = streamVerdict(await firstEvent(this.#asking), refused);
    if (verdict.kind === 'undecided') return this.#undecided(verdict);
    const fault = this.#invalid('it speaks HTTP+SSE, the transport of 2024-11-05, which is not passed through');
    this.#note({ reachable: true, era: 'http+sse', askedLegacy: true, versions: ['2024-11-05'], fault });
  }

  async #initialize() {
    const params = { protocolVersion: LEGACY_VERSION, capabilities: {}, clientInfo: this.#clientInfo() };
    const answer = await this.#ask([], 'initialize', params);
    return { verdict: initializeVerdict(answer), answer };
  }

  /** What `work` asks is asked in the session; where the server gave none, of the server. */
  async #inSession(
    opened: Heard,
    version: string,
    work: (ask: (method: string, params: object) => Promise<Heard>) => Promise<void>,
  ): Promise<void> {
    const { sessionId } = opened;
    const headers = [
      'mcp-protocol-version',
      version,
      ...(sessionId === undefined ? [] : ['mcp-session-id', sessionId]),
    ];
    await askServer(this.#asking, headers, { method: 'notifications/initialized' });
    await work((method, params) => this.#ask(headers, method, params));
  }

  /** Is it over? With a time of its own: the probe's may be over just now. */
  async #end(sessionId: string): Promise<boolean> {
    const headers = [
      'mcp-protocol-version',
      this.#found.versions.at(-1) ?? LEGACY_VERSION,
      'mcp-session-id',
      sessionId,
    ];
    const ending = new ProbeEnding();
    const timer = setTimeout(() => ending.end(refuse('upstream_timeout')), END_SESSION_MS);
    const status = await endSession({ ...this.#asking, ending }, headers).catch(() => 0);
    clearTimeout(timer);
    return (status >= 200 && status <= 299) || status === 404;
  }

  /** Undefined, with a fault, where the list cannot be read or has no end. */
  async #count(ask: (page: object) => Promise<Heard>): Promise<number | undefined> {
    let count = 0;
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await ask(cursor === undefined ? {} : { cursor });
      const result = listOf(answer.message);
      if (!result) return this.#fail(`it answered ${answer.status} without a list of tools`);
      count += result.tools;
      cursor = result.nextCursor;
      if (cursor === undefined) return count;
    }
    return this.#fail(`its list of tools has more than ${MAX_PAGES} pages`);
  }

  #fail(expected: string): undefined {
    this.#note({ fault: this.#invalid(expected) });
    return undefined;
  }

  #modern(method: string, version: string, params: object = {}): Promise<Heard> {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': version,
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': this.#clientInfo(),
    };
    return this.#ask(['mcp-protocol-version', version, 'mcp-method', method], method, { ...params, _meta });
  }

  #ask(headers: readonly string[], method: string, params: object): Promise<Heard> {
    this.#id += 1;
    return askServer(this.#asking, headers, { id: this.#id, method, params });
  }

  #clientInfo() {
    return { name: 'portolan-gateway', version: this.#settings.version };
  }

  #undecided({ there, expected }: Undecided): void {
    this.#note({ reachable: there, fault: this.#invalid(expected) });
  }

  #invalid(expected: string): Refusal {
    const { name, gateway } = this.#request.server;
    return refuse('upstream_invalid', { name, hop: gateway, expected });
  }

  #note(found: Partial<Probed>): void {
    this.#found = { ...this.#found, ...found };
  }
}

function onlyRefusals(error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
}

function listOf(message: unknown): { readonly tools: number; readonly nextCursor: string | undefined } | undefined {
  const result = (message as { result?: { tools?: unknown; nextCursor?: unknown } } | undefined)?.result;
  if (!Array.isArray(result?.tools)) return undefined;
  const { tools, nextCursor } = result;
  return {
    tools: tools.length,
    nextCursor: typeof nextCursor === 'string' && nextCursor !== '' ? nextCursor : undefined,
  };
}
