/** What the configurations of this program's processes have in common: kinds of values, reading, complaints. */
import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const HOST_PORT = /^(?:\[[0-9a-fA-F:]+\]|[^\s/:[\]]+):(\d{1,5})$/;
export const HostPort = z
  .string()
  .refine((text) => Number(HOST_PORT.exec(text)?.[1] ?? 65_536) <= 65_535, 'expected host:port, as 127.0.0.1:8443');
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|localhost):/;
export const LoopbackPort = HostPort.refine(
  (text) => LOOPBACK.test(text),
  'plain HTTP is for loopback only: expected 127.0.0.1:<port>, [::1]:<port> or localhost:<port>',
);
export const Path = z.string().refine(isAbsolute, 'expected an absolute path');

export const HostName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'expected a host name, as control.example.com');

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^(\d{1,9})(s|m|h|d)$/;
/** `90s`, `15m`, `24h`, `30d`, or 0 → milliseconds. */
export const Duration = z
  .union([z.literal(0), z.string().regex(DURATION)], 'expected a duration: 90s, 15m, 24h, 30d')
  .transform((text) => {
    const match = DURATION.exec(String(text));
    return match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : 0;
  });
export const DAY = UNIT_MS.d;

/** Text of a configuration file; `root` is its one key. Throws an error that says what was expected. */
export async function readConfigFile(path: string, root: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(`Configuration ${path} cannot be read: expected a YAML file with "${root}:".`, { cause });
  });
}

export function parseYaml(text: string, where: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new Error(`Configuration ${where} is not YAML: ${(cause as Error).message}`, { cause });
  }
}

export function complaints(error: z.ZodError | undefined, where: string): string[] {
  return flatten(error?.issues ?? []).map(([path, message]) => `  ${where}: ${path.join('.') || '(root)'}: ${message}`);
}

const GENERAL = 'Invalid input';

/** Of a union without words of its own the branch that fits best speaks; zod's own message says only "Invalid input". */
function flatten(issues: readonly z.core.$ZodIssue[]): (readonly [PropertyKey[], string])[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.message !== GENERAL) return [[issue.path, issue.message] as const];
    const [best = []] = issue.errors.toSorted((a, b) => a.length - b.length);
    return flatten(best).map(([path, message]) => [[...issue.path, ...path], message] as const);
  });
}

export function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
