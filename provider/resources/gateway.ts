/**
 * `Gateway`: a gateway in the registry and, where `enrolmentFile` is given, its way in. A file that is needed and not
 * there is drift, so that an update writes it anew; Read itself writes nothing.
 */
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { api, GatewayName } from '@portolan/core';
import { z } from 'zod';
import { define, type Found, type Task } from '../kind.ts';
import {
  type Enrolling,
  type EntryInputs,
  enrol,
  entry,
  hasEnrolment,
  named,
  putEntry,
  readEntry,
} from '../registry/index.ts';
import type { Properties } from '../wire.ts';

const AbsolutePath = z.string().refine(isAbsolute, 'expected an absolute path');

const kind = named('gateways', {
  type: 'portolan:registry:Gateway',
  body: api.GatewayBody,
  extra: { name: GatewayName, enrolmentFile: AbsolutePath.optional(), identityFile: AbsolutePath.optional() },
  computes: [],
  defaults: ({ url }) => ({ dial: hostPort(String(url)) }),
  isGone: ({ status }) => status === 'retired',
});
const registered = entry(kind);

export const gatewayKind = define({
  ...registered,
  create: (inputs, task) => register(inputs, task, () => true),
  update: (_olds, news, task) => register(news, task, ({ enrolmentFile }) => !hasEnrolment(enrolmentFile)),
  read: (stored, task) => read(stored, task),
});

async function register(
  inputs: EntryInputs,
  task: Task,
  needed: (enrolling: Enrolling) => boolean,
): Promise<Properties> {
  const view = await putEntry(kind, inputs, task);
  const enrolling = enrollingOf(inputs);
  if (enrolling && !isEnrolled(view, inputs) && needed(enrolling)) await enrol(enrolling, task.signal);
  return {};
}

async function read({ inputs }: Found<EntryInputs>, task: Task): Promise<Found<EntryInputs> | undefined> {
  const found = await readEntry(kind, inputs, task);
  const enrolling = enrollingOf(inputs);
  if (!found || !enrolling || isEnrolled(found.view, found.inputs) || hasEnrolment(enrolling.enrolmentFile))
    return found;
  const { enrolmentFile: _missing, ...left } = found.inputs;
  return { ...found, inputs: left };
}

/** In the registry's eyes, and where the gateway keeps its identity on this machine: a data folder that was deleted took its keys along. */
const isEnrolled = (view: Properties, { identityFile }: EntryInputs): boolean =>
  view.enrolled === true && (typeof identityFile !== 'string' || existsSync(identityFile));

function enrollingOf({ control, name, enrolmentFile }: EntryInputs): Enrolling | undefined {
  return typeof enrolmentFile === 'string' ? { control, name: String(name), enrolmentFile } : undefined;
}

function hostPort(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '443'}`;
}
