// The control plane's API as these commands need it, at its loopback door with the admin token. Answers are checked
// against core's schemas. Errors name the request and what was answered, never the token.

import { setTimeout as sleep } from 'node:timers/promises';
import { api } from '@portolan/core';
import type { z } from 'zod';
import { CommandFailed } from './command-failed.ts';

const answerMs = 10_000;
const pauseMs = 200;

export class ControlPlane {
  readonly url: string;
  readonly #token: string;
  readonly #patienceMs: number;
  readonly #signal: AbortSignal;

  /**
   * @param url Loopback door, `http://127.0.0.1:<port>`.
   * @param signal Ends every request; its reason is thrown.
   * @param patienceMs How long a request is repeated while the control plane is away or answers 503: one whose database was
   * just repaired needs a moment.
   */
  constructor(url: string, token: string, signal: AbortSignal, patienceMs = 0) {
    this.url = url;
    this.#token = token;
    this.#signal = signal;
    this.#patienceMs = patienceMs;
  }

  status(): Promise<api.FederationStatus> {
    return this.#ask('GET', '/status', api.FederationStatus);
  }

  /** @returns undefined where the control plane knows no such token. */
  async token(id: string): Promise<api.TokenView | undefined> {
    const response = await this.#send('GET', `/tokens/${id}`);
    if (response.status === 404) return undefined;
    return this.#read(response, `GET /tokens/${id}`, api.TokenView);
  }

  issueToken(user: string, seconds: number): Promise<api.IssuedToken> {
    const body = { principal: { kind: 'user', name: user }, description: 'npm run up', expiresInSeconds: seconds };
    return this.#ask('POST', '/tokens', api.IssuedToken, body);
  }

  async #ask<T extends z.ZodType>(method: string, path: string, schema: T, body?: object): Promise<z.output<T>> {
    return this.#read(await this.#send(method, path, body), `${method} ${path}`, schema);
  }

  async #send(method: string, path: string, body?: object): Promise<Response> {
    const deadline = Date.now() + this.#patienceMs;
    for (;;) {
      const answer = await this.#once(method, path, body).catch((error: Error) => error);
      this.#signal.throwIfAborted();
      const away = answer instanceof Error || answer.status === 503;
      if (away && Date.now() < deadline) await sleep(pauseMs);
      else if (answer instanceof Error)
        throw new CommandFailed(
          `The control plane at ${this.url} did not answer ${method} ${path}: ${reason(answer)}.`,
        );
      else return answer;
    }
  }

  #once(method: string, path: string, body?: object): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#token}`, ...(body && { 'content-type': 'application/json' }) };
    const init = {
      method,
      headers,
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(answerMs)]),
      ...(body && { body: JSON.stringify(body) }),
    };
    return fetch(`${this.url}/api/v1${path}`, init);
  }

  async #read<T extends z.ZodType>(response: Response, what: string, schema: T): Promise<z.output<T>> {
    const text = await response.text();
    if (!response.ok)
      throw new CommandFailed(`The control plane answered ${what} with ${response.status}: ${text.slice(0, 300)}`);
    return schema.parse(JSON.parse(text));
  }
}

function reason(error: Error): string {
  return error.cause instanceof Error
    ? error.cause.message || String((error.cause as NodeJS.ErrnoException).code)
    : error.message;
}
