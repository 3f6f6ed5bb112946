/**
 * Every registry resource in one shape: PUT creates and updates, DELETE removes, GET tells drift. A kind adds its path,
 * its body, what it computes.
 * Invariant: a control plane that is down never makes a resource look gone, or `up` could not repair the control plane.
 */
import { z } from 'zod';
import type { Behaviour, Found, Task } from '../kind.ts';
import type { Properties } from '../wire.ts';
import { ask, askPatiently, ControlApi } from './control-plane.ts';
import { asWritten } from './drift.ts';

/** What every entry's inputs hold beside its body. */
export interface EntryInputs {
  readonly control: ControlApi;
  readonly [key: string]: unknown;
}

export interface EntryKind {
  readonly type: string;
  /** A body of core/api.ts. */
  readonly body: z.ZodObject;
  /** Inputs that are neither `control` nor of the body. */
  readonly extra: z.ZodRawShape;
  readonly replaceOn: readonly string[];
  readonly idOf: (inputs: EntryInputs) => string;
  /** Below /api/v1. */
  readonly path: (inputs: EntryInputs) => string;
  /** Where one meaning has several spellings: the one that is kept. */
  readonly canonical?: (body: Properties) => Properties;
  /** What the registry fills in for an absent property. */
  readonly defaults?: (view: Properties) => Properties;
  /** Properties of the registry's answer that the resource has as outputs. */
  readonly computes: readonly string[];
  /** True where the answer means that there is no such entry any more. */
  readonly isGone?: (view: Properties) => boolean;
}

export type Entry = Behaviour<EntryInputs>;

export function entry(kind: EntryKind): Entry {
  return {
    type: kind.type,
    schema: schemaOf(kind),
    replaceOn: kind.replaceOn,
    computes: kind.computes,
    idOf: kind.idOf,
    create: (inputs, task) => put(kind, inputs, task),
    update: (_olds, news, task) => put(kind, news, task),
    read: ({ inputs }, task) => readEntry(kind, inputs, task),
    remove: async (inputs, task) => {
      await askPatiently(inputs.control, { method: 'DELETE', path: kind.path(inputs) }, task.signal);
    },
  };
}

/** The registry's answer to a PUT. */
export async function putEntry(kind: EntryKind, inputs: EntryInputs, task: Task): Promise<Properties> {
  const asked = { method: 'PUT', path: kind.path(inputs), body: bodyOf(kind, inputs) } as const;
  return asProperties(await askPatiently(inputs.control, asked, task.signal));
}

async function put(kind: EntryKind, inputs: EntryInputs, task: Task): Promise<Properties> {
  return computed(kind, await putEntry(kind, inputs, task));
}

/** An entry as the registry has it, and the registry's whole answer. */
export interface Registered extends Found<EntryInputs> {
  readonly view: Properties;
}

/** Throws ControlPlaneUnreachable or ControlPlaneRefused: the server then keeps the stored state, with a warning. */
export async function readEntry(kind: EntryKind, inputs: EntryInputs, task: Task): Promise<Registered | undefined> {
  const answer = await ask(inputs.control, { method: 'GET', path: kind.path(inputs) }, task.signal);
  if (answer === undefined) return undefined;
  const view = asProperties(answer);
  if (kind.isGone?.(view)) return undefined;
  const body = asWritten(bodyOf(kind, inputs), canonical(kind, view), keysOf(kind), kind.defaults?.(view));
  return { inputs: { ...withoutBody(kind, inputs), ...body }, computed: computed(kind, view), view };
}

/** The body's properties among our own, and what the body demands as a whole. */
function schemaOf(kind: EntryKind): z.ZodType<EntryInputs> {
  const shape = { control: ControlApi, ...kind.extra, ...kind.body.shape };
  const checked = z.strictObject(shape).superRefine((inputs, context) => {
    const issues = kind.body.safeParse(pick(inputs, keysOf(kind))).error?.issues ?? [];
    const whole = issues.filter((issue) => issue.path.length === 0);
    for (const { message } of whole) context.addIssue({ code: 'custom', message });
  });
  const parsed = checked.transform((inputs) => ({ ...inputs, ...canonical(kind, bodyOf(kind, inputs)) }));
  return parsed as unknown as z.ZodType<EntryInputs>; // zod cannot know a shape that is put together at run time
}

const keysOf = (kind: EntryKind): string[] => Object.keys(kind.body.shape);
const bodyOf = (kind: EntryKind, inputs: Properties): Properties => pick(inputs, keysOf(kind));
const canonical = (kind: EntryKind, body: Properties): Properties => kind.canonical?.(body) ?? body;
const computed = (kind: EntryKind, view: Properties): Properties => pick(view, kind.computes);

function withoutBody(kind: EntryKind, inputs: EntryInputs): EntryInputs {
  const keys = new Set(keysOf(kind));
  const { control, ...rest } = inputs;
  return { control, ...Object.fromEntries(Object.entries(rest).filter(([key]) => !keys.has(key))) };
}

function pick(values: Properties, keys: readonly string[]): Properties {
  return Object.fromEntries(keys.filter((key) => values[key] !== undefined).map((key) => [key, values[key]]));
}

const asProperties = (value: unknown): Properties => (typeof value === 'object' && value !== null ? { ...value } : {});
