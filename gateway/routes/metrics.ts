/** `GET /metrics` in Prometheus' text form; rendered at scrape. */
import type { RequestListener } from 'node:http';

export interface Exposition {
  readonly contentType: string;
  render(): string | Promise<string>;
}

export const metricsRoutes =
  (exposition: Exposition): RequestListener =>
  async (request, response) => {
    const known = request.method === 'GET' && request.url === '/metrics';
    try {
      const text = known ? await exposition.render() : '';
      response.writeHead(known ? 200 : 404, known ? { 'content-type': exposition.contentType } : {});
      response.end(text);
    } catch (error) {
      response.destroy(error as Error);
    }
  };
