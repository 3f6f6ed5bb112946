/** The table of programs: a new one is one file and one line here. */
import { kubernetes } from './kubernetes.ts';
import { local } from './local.ts';
import type { Settings } from './settings.ts';
import { SettingsError } from './settings-error.ts';

/** What a program is given, and what the stack exports. It runs once and creates resources. */
export type Program = (settings: Settings) => Readonly<Record<string, unknown>>;

export const programs: Readonly<Record<string, Program>> = { kubernetes, local };

/** Throws a SettingsError that names the programs that there are. */
export function programNamed(name: unknown): Program {
  const names = Object.keys(programs).join(', ');
  const program = typeof name === 'string' && Object.hasOwn(programs, name) ? programs[name] : undefined;
  if (program) return program;
  const given = name === undefined ? 'nothing' : `"${String(name)}"`;
  throw new SettingsError(
    `portolan-federation:program: expected one of ${names}; got ${given}. Set it with \`pulumi config set program <name>\`; \`npm run up\` does so itself.`,
  );
}
