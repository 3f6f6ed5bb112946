/** A FastMCP server, in Python: both eras. It is registered without the slash at its end, and answers that with a 307. */
import { join } from 'node:path';
import type { Server } from './server.ts';
import { startProcess } from './start-process.ts';

const program = join(import.meta.dirname, 'fastmcp_server.py');

/** `python`: the interpreter that has it. */
export const fastmcpServer = (python: string, version: string): Server => ({
  name: 'Python FastMCP',
  version,
  about: 'Both eras. It serves `/mcp/` and is registered as `/mcp`, which it answers with a 307.',
  start: () => startProcess(python, [program]),
  tools: {
    echo: { name: 'echo', args: { message: 'ahoy' }, says: 'ahoy' },
    log: { name: 'log', args: {}, says: 'logged' },
    progress: { name: 'work', args: { seconds: 0.6, steps: 3 }, says: 'completed' },
    endless: { name: 'work_long', args: { seconds: 60, steps: 240 }, says: 'completed' },
    slow: { name: 'work', args: { seconds: 3, steps: 12 }, says: 'completed' },
    elicit: { name: 'ask', args: {}, says: 'Vasco' },
    sample: { name: 'complete', args: {}, says: 'Lisbon' },
  },
  form: { value: 'Vasco' },
});
