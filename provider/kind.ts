/**
 * What a resource kind is: its inputs' schema and the five things that can be done with it, on plain values.
 * `define` hides the kind's own type, so that the server can keep all kinds in one table.
 */
import type { z } from 'zod';
import type { Properties } from './wire.ts';

/** One operation of the engine on one resource. */
export interface Task {
  /** `Process(gateway-aws)`: for sentences. */
  readonly owner: string;
  /** Aborts when the engine cancels. */
  readonly signal: AbortSignal;
  /** Shown beside the resource. */
  readonly warn: (sentence: string) => Promise<void>;
}

/** A resource as it really is: what inputs would lead to it, and what it computed. */
export interface Found<Inputs> {
  readonly inputs: Inputs;
  readonly computed: Properties;
}

export interface Behaviour<Inputs> {
  /** `portolan:local:Process` */
  readonly type: string;
  readonly schema: z.ZodType<Inputs>;
  /** Properties whose change makes another resource of it. */
  readonly replaceOn: readonly string[];
  /** Properties that are no inputs; unknown until the resource has been made. */
  readonly computes: readonly string[];
  /** True where a secret in the inputs would be written to a file or a process's environment. */
  readonly refusesSecrets?: boolean;
  readonly idOf: (inputs: Inputs) => string;
  /** Each returns what the kind computes. */
  readonly create: (inputs: Inputs, task: Task) => Promise<Properties>;
  readonly update: (olds: Inputs, news: Inputs, task: Task) => Promise<Properties>;
  /** undefined: the resource is gone. Must not throw for what `up` can repair: one failing Read stops a whole refresh. */
  readonly read: (stored: Found<Inputs>, task: Task) => Promise<Found<Inputs> | undefined>;
  readonly remove: (inputs: Inputs, task: Task) => Promise<void>;
}

/** A kind whose inputs' type is hidden; each operation parses what it is given. */
export type Kind = Omit<Behaviour<Properties>, 'schema'> & { readonly schema: z.ZodType };

export function define<Inputs extends Properties>(own: Behaviour<Inputs>): Kind {
  const typed = (inputs: Properties): Inputs => own.schema.parse(inputs);
  return {
    ...own,
    idOf: (inputs) => own.idOf(typed(inputs)),
    create: (inputs, task) => own.create(typed(inputs), task),
    update: (olds, news, task) => {
      const before = own.schema.safeParse(olds); // an older provider may have written it
      return own.update(before.success ? before.data : typed(news), typed(news), task);
    },
    read: async ({ inputs, computed }, task) => {
      const found = await own.read({ inputs: typed(inputs), computed }, task);
      return found ? { inputs: found.inputs, computed: found.computed } : undefined;
    },
    remove: (inputs, task) => own.remove(typed(inputs), task),
  };
}
