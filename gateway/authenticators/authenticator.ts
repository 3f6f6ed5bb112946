/** One way to say who calls. */
import type { Accepted, Gateway, Known } from '../context.ts';
import type { Tables } from '../ports.ts';

export interface Authenticator {
  readonly kind: string;
  /** Undefined where the request carries nothing of this kind; throws `Refusal` where it does, and it does not hold. */
  identify(request: Accepted, tables: Tables, gateway: Gateway): Known | undefined;
}
