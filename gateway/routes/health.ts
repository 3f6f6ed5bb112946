/** `GET /livez`: the event loop turns. `GET /readyz`: calls can be served. Neither has a body, so nothing can leak here. */
import type { RequestListener } from 'node:http';

export interface Health {
  /** A valid snapshot, listeners open, not draining. Never asks NATS, the control plane or an upstream. */
  ready(): boolean;
}

export const healthRoutes =
  (health: Health): RequestListener =>
  (request, response) => {
    const { url, method } = request;
    const known = (method === 'GET' || method === 'HEAD') && (url === '/livez' || url === '/readyz');
    const status = !known ? 404 : url === '/livez' || health.ready() ? 200 : 503;
    response.writeHead(status, { 'content-length': '0', 'cache-control': 'no-store' });
    response.end();
  };
