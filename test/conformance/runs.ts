/** What is run: the suite's frozen requirements of both revisions, all that it has for the newest, and the extensions, which no set holds. */

export interface Run {
  /** In table, baseline and folder names. */
  readonly name: string;
  readonly half: 'server' | 'client';
  /** One call of the suite each. */
  readonly calls: readonly (readonly string[])[];
  /** Left out by `--quick`. */
  readonly long: boolean;
}

const skills = ['sep-2640-skills-directory', 'sep-2640-skills-enumeration', 'sep-2640-skills-manifest'];
const skillsClients = ['no-prefetch', 'verify-digest', 'verify-size', 'verify-frontmatter'];
const modern = ['--spec-version', '2026-07-28'];

// table
export const runs: readonly Run[] = [
  { name: 'requirements 2025-11-25', half: 'server', calls: [['--requirements', '2025-11-25']], long: false },
  // with the ten tasks-* scenarios, which are run and not scored
  { name: 'requirements 2026-07-28', half: 'server', calls: [['--requirements', '2026-07-28']], long: true },
  { name: 'all of 2026-07-28', half: 'server', calls: [['--suite', 'all', ...modern]], long: false },
  {
    name: 'skills (SEP-2640)',
    half: 'server',
    calls: skills.map((scenario) => ['--scenario', scenario, ...modern, '--force']),
    long: true,
  },
  {
    name: 'clients of 2025-11-25',
    half: 'client',
    calls: [['--suite', 'all', '--spec-version', '2025-11-25']],
    long: true,
  },
  { name: 'clients of 2026-07-28', half: 'client', calls: [['--suite', 'all', ...modern]], long: true },
  {
    name: 'clients of skills',
    half: 'client',
    calls: skillsClients.map((what) => ['--scenario', `sep-2640-client-${what}`, ...modern, '--force']),
    long: true,
  },
];
