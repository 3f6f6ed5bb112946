/** The few calls of the control plane's REST API that the bench makes, through its loopback door, as admin. */
export class ControlPlaneApi {
  readonly #url: string;
  readonly #token: string;

  /** `url` of the loopback door, without `/api/v1`. */
  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  readonly put = (path: string, body: object): Promise<unknown> => this.#send('PUT', path, body);
  readonly post = (path: string, body: object): Promise<unknown> => this.#send('POST', path, body);
  readonly remove = (path: string): Promise<unknown> => this.#send('DELETE', path);

  /** Rejects on any status but 2xx, with the answer's text. */
  async #send(method: string, path: string, body?: object): Promise<unknown> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' };
    const init = body
      ? { method, headers, body: JSON.stringify(body) }
      : { method, headers: { authorization: headers.authorization } };
    const answer = await fetch(`${this.#url}/api/v1${path}`, init);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 300)}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}
