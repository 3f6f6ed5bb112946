/**
 * One link: a connection between two gateways that carries many exchanges at once. It hands frames to the streams they are for, and notices when the
 * other side is no longer there: a living process answers a ping, however slow its tools are.
 * It knows of a stream that it has begun, that an answer has, and that it is over. Invariant: when the connection ends, every stream on it is told; a
 * breach of the protocol ends it.
 */
import type { TLSSocket } from 'node:tls';
import { KEEP_ALIVE_MS } from '../connect-timeout.ts';
import { type Carrier, Flow } from './flow.ts';
import { FrameWriter } from './frame-writer.ts';
import { Breach, FRAME, type Frame, FrameReader } from './frames.ts';
import { MAX_STREAMS, Streams } from './streams.ts';

/** Pings in a row without a byte from the other side, after which it is gone. Counted, not timed: a process that slept must first hear what has come. */
const MAX_UNANSWERED = 5;
/** Streams that the other side may take back unanswered: all that it may have at once, and so many more a beat. Each has cost us a call's beginning. */
const RESETS = { atOnce: MAX_STREAMS, perBeat: 1_000 };
/** How often a link is looked after, where nobody says otherwise. */
export const BEAT_MS = 1_000;
export const NOTHING = Buffer.alloc(0);

/** The other side is silent: stopped, or cut off. */
export class Silent extends Error {}

/** The other side answers nothing on this link; `fault` is the code that it gave. */
export class LinkRefused extends Error {
  readonly fault: string;
  constructor(fault: string) {
    super(`it refuses the link: ${fault}`);
    this.fault = fault;
  }
}

/** One exchange, as the link sees it. A `Breach` that it throws ends the link. */
export interface Stream {
  readonly flow: Flow;
  /** Has an answer begun? */
  readonly answered: boolean;
  head(payload: Buffer, last: boolean): void;
  data(bytes: Buffer, last: boolean): void;
  fault(code: string): void;
  /** Reset by the other side, or `error` has ended the link. The link has forgotten it already. */
  lost(error: Error | undefined): void;
  /** So many milliseconds have passed since the link began, as its beats tell them: time in which this process was stopped is none. */
  tick(now: number): void;
}

export interface LinkOptions {
  /** Is our side the one that dialled? */
  readonly dialled: boolean;
  /** A quiet link is asked as often for a sign of life, ms. */
  readonly beatMs: number;
  /** The other side opens a stream; to be added. */
  readonly onOpen: (flow: Flow, payload: Buffer, last: boolean) => void;
  /** It has broken the rules, or what it sent could not be dealt with; the link is cut, and `onClosed` says so too. */
  readonly onBreach?: (error: Error) => void;
  /** The connection has ended, by `error` where it was not agreed on. */
  readonly onClosed: (error: Error | undefined) => void;
}

export class Link implements Carrier {
  readonly #socket: TLSSocket;
  readonly #options: LinkOptions;
  readonly #writer: FrameWriter;
  readonly #reader = new FrameReader((frame) => this.#take(frame));
  readonly #streams: Streams<Stream>;
  readonly #waiting = new Set<Flow>();
  #turns: NodeJS.Immediate | undefined;
  readonly #beat: NodeJS.Timeout;
  #leaving = false;
  #resets = RESETS.atOnce;
  #now = 0;
  /** Beats since we have hung up; -1: not yet. */
  #hungUp = -1;
  #heard = true;
  #unanswered = 0;
  #error: Error | undefined;

  constructor(socket: TLSSocket, options: LinkOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#streams = new Streams(options.dialled);
    this.#writer = new FrameWriter(socket, () => this.cut(new Error('it does not read what it asked for')));
    this.#beat = setInterval(() => this.#tick(), options.beatMs).unref();
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', this.#takeTurns);
    socket.on('error', (error) => (this.#error ??= error));
    socket.on('close', () => this.#closed());
  }

  /** May a new stream be opened? */
  get usable(): boolean {
    return !this.#leaving && this.#socket.writable && this.#error === undefined;
  }

  get busy(): boolean {
    return this.#streams.size > 0;
  }

  /** The flow of a new stream of ours, which is to be added at once; undefined where there are too many. */
  open(): Flow | undefined {
    const number = this.#writer.isBehind ? undefined : this.#streams.next();
    return number === undefined ? undefined : new Flow(number, this);
  }

  add(stream: Stream): void {
    this.#streams.set(stream.flow.stream, stream);
  }

  /** The exchange is over; what still comes for it is thrown away. */
  remove({ flow }: Stream): void {
    this.#streams.delete(flow.stream);
    this.#waiting.delete(flow);
    flow.stop();
    this.#hangUpIfIdle();
  }

  /** Ends an exchange before its time, here and there. */
  reset(stream: Stream): void {
    if (this.#streams.get(stream.flow.stream) !== stream) return;
    this.#writer.bytes(FRAME.reset, stream.flow.stream, true, NOTHING);
    this.remove(stream);
  }

  head({ flow }: Stream, text: string, last: boolean): void {
    this.#writer.text(FRAME.head, flow.stream, last, text);
  }

  fault({ flow }: Stream, code: string): void {
    this.#writer.text(FRAME.fault, flow.stream, true, code);
  }

  data(stream: number, bytes: Buffer, last: boolean): void {
    this.#writer.bytes(FRAME.data, stream, last, bytes);
  }

  window(stream: number, bytes: number): void {
    this.#writer.number(FRAME.window, stream, bytes);
  }

  get full(): boolean {
    return this.#writer.full || this.#waiting.size > 0;
  }

  await(flow: Flow): void {
    this.#waiting.add(flow);
    this.#turns ??= setImmediate(this.#takeTurns);
  }

  /** No new streams of ours; the connection ends with the last of those under way. */
  retire(): void {
    this.#leaving = true;
    this.#hangUpIfIdle();
  }

  /** Asks the other side to do so. */
  askToLeave(): void {
    this.#writer.bytes(FRAME.leave, 0, true, NOTHING);
  }

  /** Tells the other side why nothing will be answered here, and hangs up. */
  refuse(fault: string): void {
    this.#writer.text(FRAME.refuse, 0, true, fault);
    this.retire();
  }

  /** Ends the connection, whatever is under way on it. */
  cut(error?: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#heard = true;
    try {
      if (!this.#socket.destroyed && this.#hungUp < 0) this.#reader.push(chunk);
    } catch (error) {
      this.cut(error as Error);
      this.#options.onBreach?.(error as Error);
    }
  }

  #take({ type, stream, payload, last }: Frame): void {
    const known = this.#streams.get(stream);
    if (stream === 0) this.#takeOwn(type, payload);
    else if (!known) this.#takeUnknown(type, stream, payload, last);
    else if (type === FRAME.data) {
      known.flow.received(payload.length);
      known.data(payload, last);
    } else if (type === FRAME.head) known.head(payload, last);
    else if (type === FRAME.window) known.flow.grant(windowOf(payload));
    else if (type === FRAME.fault) known.fault(payload.toString('latin1'));
    else if (type === FRAME.reset) {
      if (!known.answered) this.#resets -= 1;
      if (this.#resets < 0) throw new Breach('more resets than there can be callers who leave');
      this.remove(known);
      known.lost(undefined);
    } else throw new Breach(`frame type ${type}`);
  }

  /** About the link itself. */
  #takeOwn(type: number, payload: Buffer): void {
    if (type === FRAME.ping) this.#pong();
    else if (type === FRAME.leave && this.#options.dialled) this.retire();
    else if (type === FRAME.refuse && this.#options.dialled) this.cut(new LinkRefused(payload.toString('latin1')));
    else if (type !== FRAME.pong) throw new Breach(`frame type ${type} of no stream`);
  }

  /** What waits to be sent is sign of life enough; who asks and does not read must not make it longer. */
  #pong(): void {
    if (!this.#writer.full) this.#writer.bytes(FRAME.pong, 0, true, NOTHING);
  }

  /** A new stream, or frames that were on their way when an old one ended. */
  #takeUnknown(type: number, stream: number, payload: Buffer, last: boolean): void {
    const opens = type === FRAME.head && !this.#streams.isOurs(stream);
    if (opens) this.#streams.checkFree(stream);
    else this.#streams.checkOver(stream);
    if (opens) this.#options.onOpen(new Flow(stream, this), payload, last);
  }

  /** Those who wait have their turns until there is no room again; whoever has more to send waits at the end of the line. */
  readonly #takeTurns = (): void => {
    this.#turns = undefined;
    for (const flow of this.#waiting) {
      if (this.#writer.full) return;
      this.#waiting.delete(flow);
      flow.resume();
    }
  };

  #tick(): void {
    this.#now += this.#options.beatMs;
    this.#resets = Math.min(this.#resets + RESETS.perBeat, RESETS.atOnce);
    for (const stream of this.#streams.all()) stream.tick(this.#now);
    this.#unanswered = this.#heard ? 0 : this.#unanswered + 1;
    this.#heard = false;
    if (this.#hungUp >= 0) this.#waitForHangUp();
    else if (this.#unanswered > MAX_UNANSWERED) this.cut(new Silent(`no sign of life on ${MAX_UNANSWERED} pings`));
    else if (this.#unanswered > 0) this.#writer.bytes(FRAME.ping, 0, true, NOTHING);
  }

  #hangUpIfIdle(): void {
    if (!this.#leaving || this.busy || this.#hungUp >= 0) return;
    this.#hungUp = 0;
    setImmediate(() => this.#socket.end()); // what has been written goes first
  }

  /** Whoever does not hang up, too, is cut; in the first beat what was written last may still be under way. */
  #waitForHangUp(): void {
    this.#hungUp += 1;
    if (this.#hungUp > 1) this.cut();
  }

  #closed(): void {
    clearInterval(this.#beat);
    const streams = this.#streams.clear();
    this.#waiting.clear();
    const error = this.#error ?? (streams.length > 0 ? new Error('the connection has ended') : undefined);
    for (const stream of streams) {
      stream.flow.stop();
      stream.lost(error);
    }
    this.#options.onClosed(error);
  }
}

function windowOf(payload: Buffer): number {
  if (payload.length !== 4) throw new Breach(`a window of ${payload.length} bytes`);
  return payload.readUInt32BE();
}
