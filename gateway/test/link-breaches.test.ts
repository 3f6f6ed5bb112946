/** What a peer may send on a link: bytes that break its rules end that link, with one note, and nothing else. Nothing of them reaches a server. */
import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FRAME, LINK_PROTOCOL, MAX_PAYLOAD_BYTES, WINDOW_BYTES } from '../adapters/link/frames.ts';
import { anyFrames } from './any-frames.ts';
import { hopHeaders } from './hop-headers.ts';
import { FEDERATION } from './mesh.ts';
import { credentials, makeAuthority } from './mesh-authority.ts';
import { call, outcome, post } from './post.ts';
import { asPeer } from './raw-http.ts';
import { RawLink } from './raw-link.ts';
import { threeClouds } from './three-clouds.ts';
import { answerEcho, type Seen } from './upstream.ts';

const world = threeClouds();
const { ask, aws, azure } = world;
const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 10_000, interval: 2 });

const body = JSON.stringify(call('echo'));
const headers = () => ['content-type', 'application/json', ...hopHeaders(world.mesh, { entry: 'aws', to: 'azure' })];
const head = (...more: readonly string[]) => ['POST', '/mcp/far', ...headers(), ...more];
const far = async () => (await outcome(await ask('/mcp/far', call('echo')))).status;

/** Of aws, to azure. */
let link: RawLink;
beforeEach(async () => {
  link = await RawLink.dial(azure(), aws().identity.current());
});
afterEach(() => link.socket.destroy());

test('who keeps to the protocol is served', async () => {
  link.head(1, head());
  link.send(FRAME.data, 1, body, true);
  expect(await link.answer(1)).toMatchObject({ status: 200, body: expect.stringContaining('pong') });
  expect(azure().audit).toMatchObject({ records: [{ user: 'alice', entry_gateway: 'aws' }], notes: [] });
});

/** A stream that asks for events and has a body to come, which nobody reads. */
async function unread(): Promise<void> {
  world.upstream.script = (_seen, response) =>
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  link.head(1, ['GET', '/mcp/far', ...headers()]);
  await until(() => link.of(1, FRAME.head).length === 1);
  world.upstream.script = answerEcho;
}

const breaches: Record<string, () => void | Promise<void>> = {
  'bytes that are no frame': () => link.bytes('GET / HTTP/1.1\r\nhost: azure\r\n\r\n'),
  'too long a frame': () => link.bytes(Buffer.from([1, 0, 1, FRAME.data, 0, 0, 0, 1])),
  'data without a head': () => link.send(FRAME.data, 1, body),
  'a window without a head': () => link.send(FRAME.window, 1, '\0\0\0\x01'),
  'data of no stream': () => link.send(FRAME.data, 0, body),
  'a type that does not exist': () => {
    link.head(1, head());
    link.send(99, 1);
  },
  'a second head': () => {
    link.head(1, head());
    link.head(1, head(), true);
  },
  'data after the last': () => {
    world.upstream.script = () => undefined;
    link.head(1, head());
    link.send(FRAME.data, 1, body.slice(0, -1).concat(',"x":'), true);
    link.send(FRAME.data, 1, '1}', true);
  },
  'data beyond the window': async () => {
    await unread();
    for (let sent = 0; sent < WINDOW_BYTES; sent += MAX_PAYLOAD_BYTES)
      link.send(FRAME.data, 1, Buffer.alloc(MAX_PAYLOAD_BYTES));
    link.send(FRAME.data, 1, 'x');
  },
  'a stream of the other side': () => link.head(2, head(), true),
  'the number of a stream that is over': async () => {
    link.head(1, ['GET', '/none', ...headers()], true);
    await link.answer(1);
    azure().forget();
    link.head(1, head());
  },
  'a window that is too wide': () => {
    link.head(1, head());
    link.send(FRAME.window, 1, '\0\0\0\x01');
  },
  'a window of three bytes': () => {
    link.head(1, head());
    link.send(FRAME.window, 1, '\0\0\0');
  },
  'a fault in a request': () => {
    link.head(1, head());
    link.send(FRAME.fault, 1, 'internal', true);
  },
  'a line break in a header': () => link.head(1, head('x-a', 'b\nc')),
  'NUL in a header': () => link.head(1, head('x-a', 'b\0')),
  'a carriage return in a header': () => link.head(1, head('x-a', 'b\r')),
  'a header twice': () => link.head(1, head('content-type', 'application/json')),
  'no method': () => link.head(1, ['', '/mcp/far', ...headers()]),
  'a method that is none': () => link.head(1, ['POST /mcp/near HTTP/1.1', '/mcp/far', ...headers()]),
  'a target that is no path': () => link.head(1, ['POST', 'mcp/far', ...headers()]),
  'a target elsewhere': () => link.head(1, ['POST', 'http://169.254.169.254/latest', ...headers()]),
  'an empty head': () => link.head(1, []),
};

describe('a breach ends the link, and nothing else', () => {
  test.each(Object.keys(breaches))('%s', async (what) => {
    const held: [Seen, () => void][] = [];
    world.upstream.script = (seen, response) => held.push([seen, () => answerEcho(seen, response)]);
    const others = [
      ask('/mcp/far', call('echo')),
      post(`${azure().door}/mcp/far`, call('echo'), { token: world.mesh.token('alice') }),
    ];
    await until(() => held.length === 2);
    await breaches[what]?.();
    await link.closed;
    for (const [, answer] of held) answer();
    for (const reply of others) expect((await reply).status).toBe(200);
    await until(() => azure().server.flights.size === 0);
    expect(azure().audit.notes).toMatchObject([{ code: 'http_malformed', status: 'refused', http_status: 400 }]);
    expect(azure().log.lines.at(-1)?.fields).toMatchObject({ peer: 'aws' });
    expect(world.upstream.seen.filter(({ method }) => method === 'POST')).toHaveLength(2);
    world.upstream.script = answerEcho;
    expect(await far()).toBe(200);
  });
});

describe('floods', () => {
  test('of pings: answered', async () => {
    for (let i = 0; i < 20_000; i += 1) link.send(FRAME.ping, 0);
    link.head(1, head());
    link.send(FRAME.data, 1, body, true);
    expect((await link.answer(1)).status).toBe(200);
    expect(link.of(0, FRAME.pong).length).toBeGreaterThan(0);
    expect(azure().audit.notes).toEqual([]);
  });

  test('of streams that wait for a body: he holds his share, the rest is refused, and others are served', async () => {
    for (let i = 0; i < 16_384; i += 1) link.head(2 * i + 1, head());
    await until(() => link.frames.filter(({ type }) => type === FRAME.head).length >= 6_384);
    expect(link.of(32_767, FRAME.head)[0]?.payload.toString()).toMatch(/^503\n/);
    const reply = await post(`${aws().door}/mcp/far`, call('echo'), { token: world.mesh.token('bob') });
    expect((await outcome(reply)).status).toBe(200);
    link.socket.destroy();
    await until(() => azure().server.flights.size === 0);
    expect(world.upstream.seen).toHaveLength(1);
    expect(await far()).toBe(200);
  });

  const takeBack = (from: number, to: number) => {
    for (let i = from; i < to; i += 1) {
      link.head(2 * i + 1, head());
      link.send(FRAME.reset, 2 * i + 1);
    }
  };

  test('of streams that begin and are taken back: as many as there can be callers who leave, then the link is cut', async () => {
    takeBack(0, 16_000);
    link.head(40_001, head());
    link.send(FRAME.data, 40_001, body, true);
    expect((await link.answer(40_001)).status).toBe(200);
    takeBack(20_001, 40_000);
    await link.closed;
    await until(() => azure().server.flights.size === 0);
    expect(azure().audit.notes.filter(({ code }) => code === 'http_malformed')).toHaveLength(1);
    expect(world.upstream.seen).toHaveLength(1);
    expect(await far()).toBe(200);
  });

  test('of answers that are asked for and never read: the link is cut', async () => {
    link.socket.pause();
    for (let i = 0; !link.socket.destroyed && i < 200_000; i += 1) {
      link.head(2 * i + 1, ['GET', '/none', ...headers()], true);
      if (i % 1_000 === 0) await new Promise(setImmediate);
    }
    await link.closed;
    await until(() => azure().server.flights.size === 0);
    expect(await far()).toBe(200);
  });
});

test('an answer that nobody reads ends with its flight', async () => {
  const long = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: 'x'.repeat(2 * WINDOW_BYTES) } });
  world.upstream.script = (_seen, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(long);
  link.head(1, head());
  link.send(FRAME.data, 1, body, true);
  await until(() => link.of(1, FRAME.data).reduce((sum, { payload }) => sum + payload.length, 0) === WINDOW_BYTES);
  expect(azure().server.flights.size).toBe(1);
  azure().server.endFlights('everything');
  await until(() => azure().server.flights.size === 0);
  expect(link.of(1, FRAME.reset)).toHaveLength(1);
  world.upstream.script = answerEcho;
  expect(await far()).toBe(200);
});

describe('whose certificate does not hold', () => {
  test.each(['none', 'of another CA', 'of another federation'])(
    '%s: the link is refused, and says why',
    async (what) => {
      const own = {
        none: async () => undefined,
        'of another CA': async () => credentials(await makeAuthority('mesh root'), FEDERATION, 'aws'),
        'of another federation': () => credentials(world.mesh.authority, 'elsewhere', 'aws'),
      }[what];
      const stranger = await RawLink.dial(azure(), await own?.());
      stranger.head(1, head());
      stranger.send(FRAME.data, 1, body, true);
      stranger.bytes('and what is no frame\r\n\r\n');
      await stranger.closed;
      expect(stranger.frames.map(({ type, payload }) => [type, payload.toString()])).toEqual([
        [FRAME.refuse, 'peer_certificate'],
      ]);
      expect(azure().audit).toMatchObject({ records: [], notes: [{ code: 'peer_certificate', http_status: 403 }] });
      expect(world.upstream.seen).toEqual([]);
    },
  );

  test('the caller of a gateway that is refused learns that it is, not why', async () => {
    const before = aws().identity.current();
    aws().identity.set({
      ...(await credentials(await makeAuthority('mesh root'), FEDERATION, 'aws')),
      ca: before?.ca ?? [],
    });
    try {
      const reply = await outcome(await ask('/mcp/far', call('echo')));
      expect(reply).toMatchObject({
        status: 502,
        body: { error: { data: { code: 'peer_refused_us', hop: 'azure' } } },
      });
      expect(JSON.stringify(reply)).not.toMatch(/certificate/);
    } finally {
      aws().identity.set(before);
    }
  });

  test('the public name offers no link', async () => {
    const own = aws().identity.current();
    const alone = asPeer(azure(), own, { servername: 'localhost', ALPNProtocols: [LINK_PROTOCOL] });
    const [error] = await once(alone, 'error');
    expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' });
    const either = asPeer(azure(), own, { servername: 'localhost', ALPNProtocols: [LINK_PROTOCOL, 'http/1.1'] });
    await once(either, 'secureConnect');
    expect(either.alpnProtocol).toBe('http/1.1');
    either.destroy();
  });
});

test('whatever a peer sends, the gateway goes on serving', { timeout: 120_000 }, async () => {
  const run = async (sent: readonly Buffer[]) => {
    const peer = await RawLink.dial(azure(), aws().identity.current());
    for (const bytes of sent) peer.bytes(bytes);
    expect(await far()).toBe(200);
    peer.socket.destroy();
  };
  await fc.assert(fc.asyncProperty(anyFrames([head().join('\n'), body]), run), { numRuns: 200 });
  await until(() => azure().server.flights.size === 0);
});
