/** What a server of each era answers to a probe, and what one does that is none; for upstreams that are scripts. */
import { answerJson, type Script } from './upstream.ts';

/** Of the older era: a session, then one tool. */
export const legacyAnswers: Script = ({ body, method, headers }, response) => {
  if (method === 'DELETE') return void response.writeHead(200).end();
  const { id, method: asked } = JSON.parse(body);
  if (asked === 'initialize') {
    const result = {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'o\u001b[31m', version: '1' },
    };
    return answerJson(response, { jsonrpc: '2.0', id, result }, { 'mcp-session-id': 'one' });
  }
  if (headers['mcp-session-id'] !== 'one') return void response.writeHead(400).end();
  if (asked === 'tools/list') return answerJson(response, { jsonrpc: '2.0', id, result: { tools: [{ name: 'a' }] } });
  response.writeHead(202).end();
};

/** Of the newer era; `tools`: the result of one page of the list. */
export const modernAnswers =
  (tools: (params: { cursor?: string }) => object): Script =>
  ({ body }, response) => {
    const { id, method, params } = JSON.parse(body);
    const result =
      method === 'server/discover'
        ? { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, resultType: 'complete' }
        : method === 'tools/list'
          ? tools(params)
          : undefined;
    if (result) return answerJson(response, { jsonrpc: '2.0', id, result });
    answerJson(response, { jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } }, {}, 404);
  };

/** One status, and what stands in the body. */
export const says =
  (status: number, type = 'text/html', body = '<h1>no</h1>'): Script =>
  (_seen, response) =>
    void response.writeHead(status, { 'content-type': type }).end(body);

/** Pieces without end, as fast as they are read. */
export const endless =
  (type: string, piece: string): Script =>
  (_seen, response) => {
    response.writeHead(200, { 'content-type': type });
    const more = (): void => {
      while (!response.destroyed && response.write(piece.repeat(1000)));
    };
    response.on('drain', more);
    more();
  };
