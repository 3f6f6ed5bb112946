/** Where a server is, in which spellings, and with which spellings of the token; nothing redirects. */
import { describe, expect, test } from 'vitest';
import { edged } from './edges.ts';

const world = edged();

describe('a server', () => {
  const forms = ['/mcp/far', '/api/llm/mcp/far/server', '/default/mcp/far/server'];
  const spellings = forms.flatMap((path) => [path, `${path}/`, `${path}?a=b`, `${path}/?a=/mcp/near`, `${path}?a=%zz`]);
  test.each(spellings)('is at %s', async (path) => {
    const reply = await world.send('loopback', [], { path });
    expect({ status: reply.status, location: reply.headers.get('location') }).toEqual({
      status: 200,
      location: undefined,
    });
    // one path leads there, and no query goes with it
    expect(world.upstream.seen).toMatchObject([{ url: '/mcp' }]);
  });

  test('is there in the absolute form, too', async () => {
    const reply = await world.send('loopback', [], { path: 'http://localhost/mcp/far/?x' });
    expect(reply.status).toBe(200);
  });
});

describe('nothing is served, and nobody is sent elsewhere', () => {
  test.each([
    '/',
    '/mcp',
    '/mcp/',
    '/mcp/far//',
    '//mcp/far',
    '/mcp//far',
    '/./mcp/far',
    '/mcp/./far',
    '/mcp/near/../far',
    '/MCP/far',
    '/mcp/FAR',
    '/%6dcp/far',
    '/mcp/%66ar',
    '/mcp%2ffar',
    '/mcp/far%2f',
    '/mcp/far%00',
    '/mcp/far%20',
    '/mcp/far;x=y',
    '/mcp/far.',
    '/mcp/far/server',
    '/mcp/group/far/server',
    '/other/mcp/far/server',
    '/api/llm/mcp/far',
    '/default/mcp/far',
    '/default/mcp/far/server/x',
    '/%zz',
    '/mcp/%zz',
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/mcp/far',
    '/.well-known/oauth-authorization-server/mcp/far',
    '/mcp/far/.well-known/openid-configuration',
  ])('%s: 404', async (path) => {
    for (const method of ['POST', 'GET']) {
      const reply = await world.send('loopback', [], { path, method });
      expect({ status: reply.status, location: reply.headers.get('location') }).toEqual({
        status: 404,
        location: undefined,
      });
      expect(reply.json().error.data.code).toMatch(/^(path|server)_not_found$/);
    }
    expect(world.upstream.seen).toEqual([]);
  });
});

describe('the token', () => {
  const token = () => world.mesh.token('alice');
  test.each([
    ['Bearer', (text: string) => `Bearer ${text}`],
    ['another case', (text: string) => `bEARER ${text}`],
    ['more blanks', (text: string) => `Bearer   ${text}  `],
    ['the scheme twice', (text: string) => `Bearer Bearer ${text}`],
    ['the scheme twice, anyhow', (text: string) => `bearer  BEARER   ${text}`],
  ])('%s', async (_what, write) => {
    for (const path of ['/mcp/near', '/mcp/far']) {
      const reply = await world.send('loopback', [`authorization: ${write(token())}`], { path, token: undefined });
      expect(reply.status).toBe(200);
    }
    for (const { rawHeaders, headers } of world.upstream.seen) {
      expect(headers).not.toHaveProperty('authorization');
      expect(rawHeaders.join()).not.toContain(token());
    }
  });

  test.each([
    ['no scheme', (text: string) => text],
    ['the scheme three times', (text: string) => `Bearer Bearer Bearer ${text}`],
    ['no blank', (text: string) => `Bearer${text}`],
    ['a comma', (text: string) => `Bearer ${text}, Bearer ${text}`],
    ['quotes', (text: string) => `Bearer "${text}"`],
    ['no token', () => 'Bearer'],
    ['in the query', () => ''],
  ])('%s: 401', async (what, write) => {
    const lines = what === 'in the query' ? [] : [`authorization: ${write(token())}`];
    const reply = await world.send('loopback', lines, { path: `/mcp/far?access_token=${token()}`, token: undefined });
    expect([reply.status, reply.headers.get('www-authenticate')?.startsWith('Bearer')]).toEqual([401, true]);
    expect(world.upstream.seen).toEqual([]);
  });
});
