/** Time, as flights count it: a deadline in all, silence of the other side, people who think, streams that say nothing. The clock is the test's. */
import { refuse } from '@portolan/core';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Flight, Flights } from './flights.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TICK = 100;

let flights: Flights;
let flight: Flight;
let now: number;
/** What the flight ended with. */
const ended = (): string | undefined => flight.reason?.context.detail;
/** Time that goes by while this process runs: every tick of it. */
function live(ms: number): void {
  for (let gone = 0; gone < ms; gone += TICK) {
    now += Math.min(TICK, ms - gone);
    vi.advanceTimersByTime(TICK);
  }
}
/** Time that goes by while it is stopped, up to the tick on waking. */
function sleep(ms: number): void {
  now += ms;
  vi.advanceTimersByTime(TICK);
}

beforeEach(() => {
  vi.useFakeTimers();
  now = 5_000;
  flights = new Flights(10, () => now, 20 * SECOND);
  flight = flights.takeOff();
});
afterEach(() => {
  flight.land();
  vi.useRealTimers();
});
const expire = (totalMs: number, idleMs: number): void =>
  flight.expire(totalMs && now + totalMs, idleMs, (detail) => refuse('upstream_timeout', { detail }));

describe('deadlines', () => {
  test('ten minutes without a byte end it, and no byte less', () => {
    expire(HOUR, 10 * MINUTE);
    live(9 * MINUTE);
    flight.heard();
    live(9.9 * MINUTE);
    expect(ended()).toBeUndefined();
    live(0.2 * MINUTE);
    expect(ended()).toBe('no byte for 600000 ms');
  });

  test('an hour in all ends it, however much has come', () => {
    expire(HOUR, 10 * MINUTE);
    for (let minutes = 0; minutes < 59; minutes += 1) {
      live(MINUTE);
      flight.heard();
    }
    expect(ended()).toBeUndefined();
    live(1.1 * MINUTE);
    expect(ended()).toBe('the whole call has a deadline');
  });

  test('a caller who does not read is not a server that is silent', async () => {
    expire(HOUR, 10 * MINUTE);
    const sent = Promise.withResolvers<void>();
    const waiting = flight.unlessEnded(sent.promise, () => sent.resolve());
    live(30 * MINUTE);
    expect(ended()).toBeUndefined();
    sent.resolve();
    await waiting;
    live(10.1 * MINUTE);
    expect(ended()).toBe('no byte for 600000 ms');
  });

  test('a process that was stopped hears first what has come meanwhile', () => {
    expire(HOUR, 10 * MINUTE);
    live(MINUTE);
    sleep(30 * MINUTE);
    expect(ended()).toBeUndefined();
    flight.heard();
    live(9.9 * MINUTE);
    expect(ended()).toBeUndefined();
  });

  test('zero is no bound', () => {
    expire(0, 0);
    for (let days = 0; days < 3; days += 1) sleep(24 * HOUR);
    expect(ended()).toBeUndefined();
  });
});

describe('a person who thinks', () => {
  test('about what a server asks on a stream that ends with a token, puts that end off by nothing', () => {
    flight.openEnded = true;
    expire(MINUTE, 0);
    flight.asked();
    live(2 * MINUTE);
    expect(ended()).toBe('the whole call has a deadline');
  });

  test('is not counted, neither as silence nor as a part of the whole', () => {
    expire(HOUR, 10 * MINUTE);
    live(5 * MINUTE);
    flight.heard();
    flight.asked();
    live(5 * HOUR);
    expect(ended()).toBeUndefined();
    flight.heard();
    flight.wentOn();
    live(9.9 * MINUTE);
    expect(ended()).toBeUndefined();
    live(0.2 * MINUTE);
    expect(ended()).toBe('no byte for 600000 ms');
  });

  test('leaves the call what it had of its hour', () => {
    expire(HOUR, 0);
    live(40 * MINUTE);
    flight.asked();
    live(3 * HOUR);
    flight.wentOn();
    live(19.9 * MINUTE);
    expect(ended()).toBeUndefined();
    live(0.2 * MINUTE);
    expect(ended()).toBe('the whole call has a deadline');
  });

  test('may do so for a day in all, and is then silent like everybody else', () => {
    expire(HOUR, 10 * MINUTE);
    flight.asked();
    for (let hours = 0; hours < 24; hours += 1) sleep(HOUR);
    expect(ended()).toBeUndefined();
    live(10.1 * MINUTE);
    expect(ended()).toBe('no byte for 600000 ms');
  });
});

test('whatever happens, it ends when the time in which nobody thought, or the silence, has reached its bound, and not before', () => {
  type Step = 'tick' | 'heard' | 'asked' | 'wentOn';
  const steps = fc.array(fc.constantFrom<Step>('tick', 'tick', 'tick', 'heard', 'asked', 'wentOn'), { maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 20 }), (script, total, idle) => {
      flight.land();
      flight = flights.takeOff();
      live(TICK); // on the beat
      expire(total * TICK, idle * TICK);
      let [worked, silent, heard, thinking] = [0, 0, false, false];
      for (const step of script) {
        if (step === 'heard') heard = true;
        else if (step !== 'tick') thinking = step === 'asked';
        if (step === 'heard') flight.heard();
        else if (step === 'tick') live(TICK);
        else flight[step]();
        if (step !== 'tick') continue;
        worked += thinking ? 0 : 1;
        silent = heard || thinking ? 0 : silent + 1;
        heard = false;
        const over = worked >= total || silent >= idle;
        expect(ended() !== undefined).toBe(over);
        if (over) return;
      }
    }),
  );
});

describe('a stream that says nothing', () => {
  const comments = (): { count: number } => {
    const said = { count: 0 };
    flight.onQuiet(() => {
      said.count += 1;
    });
    return said;
  };

  test('gets a comment at most 25 s after what was written last, and so on', () => {
    const said = comments();
    for (let i = 1; i <= 5; i += 1) {
      live(25 * SECOND);
      expect(said.count).toBeGreaterThanOrEqual(i);
    }
    expect(said.count).toBeLessThanOrEqual(7);
  });

  test('gets none while something is written every now and then, while its caller does not read, and when it is over', async () => {
    const said = comments();
    for (let i = 0; i < 10; i += 1) {
      live(19 * SECOND);
      flight.spoke();
    }
    const sent = Promise.withResolvers<void>();
    const waiting = flight.unlessEnded(sent.promise, () => sent.resolve());
    live(MINUTE);
    sent.resolve();
    await waiting;
    flight.onQuiet(undefined);
    live(MINUTE);
    expect(said.count).toBe(0);
  });
});
