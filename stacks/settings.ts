/**
 * The settings of a stack (`portolan-federation:` in Pulumi.<stack>.yaml): who they are for, what is in them. Programs read
 * their own part with `parseSettings` before they create anything.
 */
import { explain } from '@portolan/provider';
import type { z } from 'zod';
import { SettingsError } from './settings-error.ts';

export const namespace = 'portolan-federation';

/** Values by key as the stack has them; objects are parsed already. */
export type Settings = Readonly<Record<string, unknown>>;

/** @param config The engine's: `<namespace>:<key>` → text, objects as JSON. Keys of other namespaces are left out. */
export function settingsOf(config: Readonly<Record<string, string>>): Settings {
  const own = Object.entries(config).filter(([key]) => key.startsWith(`${namespace}:`));
  return Object.fromEntries(own.map(([key, text]) => [key.slice(namespace.length + 1), plainValue(text)]));
}

/** The settings that `schema` knows, checked. Throws a SettingsError with every fault, one a line. */
export function parseSettings<T>(schema: z.ZodType<T>, settings: Settings): T {
  const parsed = schema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `  ${explain(namespace, issue, settings)}`);
  throw new SettingsError(
    `The stack's settings cannot be used:\n${faults.join('\n')}\nCorrect them in Pulumi.<stack>.yaml; a local stack's are written by \`npm run up\`.`,
  );
}

/** Objects and lists arrive as JSON; everything else is text. */
function plainValue(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
