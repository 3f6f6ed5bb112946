/**
 * The control plane's REST API as the registry resources need it: one request, its answer or a refusal, in plain values.
 * The admin token is read for each request and never leaves this file.
 * Invariant: "unreachable" and "refused" are told apart, because only the first may pass.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { api } from '@portolan/core';
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { z } from 'zod';
import { AdminTokenMissing, AdminTokenPlace, readAdminToken, readNeeded } from './admin-token.ts';

/** Where the API is; paths only, so that state holds no secret. */
export const ControlApi = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .refine(isSafe, 'expected https, or http on loopback: the admin token goes there'),
    /** PEM of the CA that signed the API's certificate. Default: the system's. */
    caFile: z.string().min(1).optional(),
    /** `host:port`. Default: those of `url`. */
    dial: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^\s/:]+):\d{1,5}$/, 'expected host:port')
      .optional(),
    ...AdminTokenPlace,
  })
  .refine(
    ({ adminTokenFile, adminTokenSecret }) => adminTokenFile !== undefined || adminTokenSecret !== undefined,
    'expected adminTokenFile or adminTokenSecret',
  );
export type ControlApi = z.output<typeof ControlApi>;

/** Nobody answered for the control plane, or it cannot serve now. */
export class ControlPlaneUnreachable extends Error {}

/** The control plane answered no. */
export class ControlPlaneRefused extends Error {}

export interface Asked {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below `/api/v1`. */
  readonly path: string;
  readonly body?: unknown;
}

const answerMs = 10_000;
const patienceMs = 30_000;
const pollMs = 250;
const passing: ReadonlySet<number> = new Set([502, 503, 504]);

/** undefined: the control plane itself says 404. Throws ControlPlaneUnreachable or ControlPlaneRefused. */
export async function ask(to: ControlApi, asked: Asked, signal: AbortSignal): Promise<unknown> {
  const where = `Control plane ${to.url}`;
  const token = await tokenOf(to);
  const agent = agentTo(to);
  try {
    const { statusCode, body } = await send({ agent, token }, to, asked, signal);
    if (statusCode === 404 && api.ApiError.safeParse(body).success) return undefined;
    if (statusCode >= 200 && statusCode < 300) return body;
    const says = sayingOf(body);
    if (passing.has(statusCode))
      throw new ControlPlaneUnreachable(`${where} cannot serve now (${statusCode}): ${says}`);
    throw new ControlPlaneRefused(`${where} refused ${asked.method} ${asked.path} (${statusCode}): ${says}`);
  } finally {
    await agent.destroy();
  }
}

/** As `ask`, and waits up to 30 s for a control plane that is still starting. */
export async function askPatiently(to: ControlApi, asked: Asked, signal: AbortSignal): Promise<unknown> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await ask(to, asked, signal);
    } catch (error) {
      if (!(error instanceof ControlPlaneUnreachable) || Date.now() > deadline) throw error;
    }
    await delay(pollMs);
  }
}

interface Sender {
  readonly agent: Dispatcher;
  readonly token: string;
}

async function send({ agent, token }: Sender, to: ControlApi, { method, path, body }: Asked, signal: AbortSignal) {
  // the name in `url` is what the certificate must hold, wherever it is dialled
  const { origin, host } = new URL(to.url);
  const door = to.dial === undefined ? origin : `https://${to.dial}`;
  const headers = { authorization: `Bearer ${token}`, host, 'content-type': 'application/json' };
  const options = { dispatcher: agent, method, signal, headersTimeout: answerMs, bodyTimeout: answerMs } as const;
  const content = body === undefined ? { authorization: headers.authorization, host } : headers;
  try {
    const answer = await request(`${door}/api/v1${path}`, {
      ...options,
      headers: content,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { statusCode: answer.statusCode, body: parseJson(await answer.body.text()) };
  } catch (cause) {
    signal.throwIfAborted();
    throw new ControlPlaneUnreachable(`Control plane ${to.url} does not answer: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Through the proxy that HTTPS_PROXY names, unless NO_PROXY does. */
function agentTo({ url, caFile }: ControlApi): Dispatcher {
  const tls = { servername: new URL(url).hostname, ...(caFile ? { ca: present(() => readNeeded(caFile)) } : {}) };
  return new EnvHttpProxyAgent({ connect: { ...tls, timeout: 5_000 }, requestTls: tls });
}

const tokenOf = (to: ControlApi): Promise<string> => readAdminToken(to).catch(notBorn);

function present(read: () => string): string {
  try {
    return read();
  } catch (error) {
    return notBorn(error);
  }
}

/** The control plane writes these at its birth: while they are missing, it has not been born. */
function notBorn(error: unknown): never {
  if (error instanceof AdminTokenMissing) throw new ControlPlaneUnreachable(error.message, { cause: error });
  throw error;
}

function sayingOf(body: unknown): string {
  const parsed = api.ApiError.safeParse(body);
  return parsed.success
    ? [parsed.data.error.path, parsed.data.error.message].filter(Boolean).join(': ')
    : 'no reason given';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Plain HTTP carries the admin token in clear: loopback only. */
function isSafe(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
