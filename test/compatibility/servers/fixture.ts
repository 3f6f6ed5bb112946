/** Our own server of test/harness/everything, once for each era. */
import { join } from 'node:path';
import { installedVersion } from '../clients/installed-version.ts';
import type { Server } from './server.ts';
import { startProcess } from './start-process.ts';

const program = join(import.meta.dirname, '..', '..', 'harness', 'everything', 'main.ts');
const sdk = `SDK ${installedVersion('@modelcontextprotocol/server')}`;

export const modernFixture: Server = {
  ...fixture('modern'),
  name: 'Our modern fixture',
  about:
    'On the official SDK. It speaks 2026-07-28 alone: no sessions, questions by `input_required`, nothing to resume.',
};

export const legacyFixture: Server = {
  ...fixture('legacy'),
  name: 'Our legacy fixture',
  about:
    'On the official SDK. It speaks 2025-11-25 and older, keeps sessions, and replays events after `Last-Event-ID`.',
};

function fixture(era: 'legacy' | 'modern'): Omit<Server, 'name' | 'about'> {
  const work = (ms: number, steps: number) => ({ name: 'test_long_work', args: { ms, steps }, says: 'done' });
  return {
    version: sdk,
    start: () => startProcess(process.execPath, [program, '--era', era]),
    tools: {
      echo: { name: 'test_simple_text', args: {}, says: 'simple text response' },
      log: { name: 'test_tool_with_logging', args: {}, says: 'Tool with logging' },
      progress: work(300, 3),
      endless: work(60_000, 240),
      slow: work(2_400, 8),
      elicit: { name: 'test_elicitation', args: { message: 'Who is there?' }, says: 'Vasco' },
      sample: { name: 'test_sampling', args: { prompt: 'Which harbour?' }, says: 'Lisbon' },
    },
    form: { response: 'Vasco' },
  };
}
