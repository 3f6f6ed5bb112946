/**
 * A route of the REST API as data: server and OpenAPI document are both made from it, so that they cannot differ.
 */
import type { z } from 'zod';
import type { MeshCaller } from '../ports.ts';
import type { ProblemCode } from '../problem.ts';

/**
 * Who may call: `admin` bearer token with role admin; `secret` whoever holds the one-time secret in the body; `anyone`; `mesh` a gateway's
 * certificate. `mesh` routes exist at the mesh name alone, all others at the public name and the loopback door alone.
 */
export type Access = 'admin' | 'secret' | 'anyone' | 'mesh';

export interface Asked<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Of routes with access `mesh` only. */
  readonly caller: MeshCaller | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly type?: string;
}

export interface Described {
  readonly says: string;
  readonly schema?: z.ZodType;
  /** Default `application/json` where there is a schema. */
  readonly type?: string;
}

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below `/api/v1`, OpenAPI's spelling: `/gateways/{name}`. */
  readonly path: string;
  readonly access: Access;
  readonly tag: string;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answers: Readonly<Record<number, Described>>;
  readonly problems: readonly ProblemCode[];
  readonly handle: (asked: Asked<never, never, never>) => Promise<Answer>;
}

type Output<T> = T extends z.ZodType ? z.output<T> : undefined;

/** Ties the handler's argument to the schemas beside it; at run time the identity. */
export function route<
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  definition: Omit<Route, 'params' | 'query' | 'body' | 'handle'> & {
    readonly params?: P;
    readonly query?: Q;
    readonly body?: B;
    readonly handle: (asked: Asked<Output<P>, Output<Q>, Output<B>>) => Promise<Answer>;
  },
): Route {
  return definition as unknown as Route;
}

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const createdOr200 = (created: boolean, body: unknown): Answer => ({ status: created ? 201 : 200, body });
export const created = (body: unknown): Answer => ({ status: 201, body });
export const empty: Answer = { status: 204 };
