/** `@modelcontextprotocol/server-everything`: the older era alone, with sessions, a GET stream and a store of events to resume from. */
import { join } from 'node:path';
import { installedVersion } from '../clients/installed-version.ts';
import type { Server } from './server.ts';
import { startProcess } from './start-process.ts';

// the example server runs it unchanged, but on 127.0.0.1
const program = join(import.meta.dirname, '..', '..', '..', 'examples', 'servers', 'mcp-legacy.ts');

const long = (duration: number, steps: number) => ({
  name: 'trigger-long-running-operation',
  args: { duration, steps },
  says: 'completed',
});

export const everything: Server = {
  name: '@modelcontextprotocol/server-everything',
  version: installedVersion('@modelcontextprotocol/server-everything'),
  about:
    'The reference server. It speaks 2025-11-25 and older, keeps sessions, and replays events after `Last-Event-ID`.',
  start: () => startProcess(process.execPath, [program, '--port', '0']),
  tools: {
    echo: { name: 'echo', args: { message: 'ahoy' }, says: 'ahoy' },
    log: { name: 'toggle-simulated-logging', args: {}, says: 'Started' },
    progress: long(0.6, 3),
    endless: long(60, 240),
    // over before a client comes back: events that come later it stores, but does not send on a resumed stream
    slow: long(0.8, 2),
    elicit: { name: 'trigger-elicitation-request', args: {}, says: 'Vasco' },
    sample: { name: 'trigger-sampling-request', args: { prompt: 'which harbour?' }, says: 'Lisbon' },
  },
  form: { name: 'Vasco' },
};
