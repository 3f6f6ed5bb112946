/**
 * mcp-m365 (site azure): calendar, mail and files of an office. An example to copy: a server is a function that makes
 * one, a tool is a name, a schema and a function. It shows tools, a resource template, and a prompt.
 * It authenticates nobody: the gateway in front decides who may call what.
 */
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { drive, eventsOn, mailbox } from './data/m365.ts';
import { idOf } from './draw.ts';
import { serveMcp } from './serve-mcp.ts';
import { structured } from './structured.ts';

const readOnly = { readOnlyHint: true, openWorldHint: false } as const;
const Day = z.iso.date().describe('A day as YYYY-MM-DD, for example 2026-09-07.');
const Event = z.object({
  id: z.string(),
  subject: z.string(),
  start: z.string().describe('Local time, without offset.'),
  end: z.string(),
  organizer: z.string(),
  attendees: z.array(z.string()),
  location: z.string(),
});

export function m365(): McpServer {
  const server = new McpServer({ name: 'mcp-m365', version: '1.0.0', title: 'Microsoft 365 (example)' });
  registerCalendar(server);
  registerMail(server);
  registerDrive(server);
  registerMeetingPrompt(server);
  return server;
}

function registerCalendar(server: McpServer): void {
  server.registerTool(
    'get_calendar_events',
    {
      title: 'Calendar of a day',
      description: "Lists the signed-in user's calendar events of one day, in order of their start.",
      inputSchema: z.strictObject({ date: Day }),
      outputSchema: z.object({ date: z.string(), events: z.array(Event) }),
      annotations: readOnly,
    },
    ({ date }) => structured({ date, events: eventsOn(date) }),
  );
}

function registerMail(server: McpServer): void {
  server.registerTool(
    'search_mail',
    {
      title: 'Search mail',
      description: 'Finds mails whose sender, subject or preview contains the words, newest first.',
      inputSchema: z.strictObject({ query: z.string().min(1), limit: z.int().min(1).max(25).default(10) }),
      annotations: readOnly,
    },
    ({ query, limit }) => {
      const wanted = query.toLowerCase();
      const found = mailbox.filter((mail) => JSON.stringify(mail).toLowerCase().includes(wanted));
      return structured({ query, total: found.length, mails: found.slice(0, limit) });
    },
  );
  server.registerTool(
    'create_mail_draft',
    {
      title: 'Write a draft',
      description: 'Puts a mail into the drafts folder. It is not sent: a person does that.',
      inputSchema: z.strictObject({ to: z.array(z.email()).min(1).max(20), subject: z.string(), body: z.string() }),
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    },
    (draft) => structured({ id: `draft-${idOf(JSON.stringify(draft))}`, folder: 'Drafts', ...draft }),
  );
}

function registerDrive(server: McpServer): void {
  server.registerTool(
    'list_files',
    {
      title: 'List files',
      description: 'Lists the files below a folder of the drive. Their contents are resources: m365://drive{path}.',
      inputSchema: z.strictObject({ folder: z.string().startsWith('/').default('/') }),
      annotations: readOnly,
    },
    ({ folder }) => {
      const files = drive.filter((file) => file.path.startsWith(folder));
      return structured({ folder, files: files.map(({ text, ...file }) => ({ ...file, bytes: text.length })) });
    },
  );
  const uris = drive.map((file) => ({ uri: `m365://drive${file.path}`, name: file.path, mimeType: file.mimeType }));
  server.registerResource(
    'drive',
    new ResourceTemplate('m365://drive/{+path}', { list: () => ({ resources: uris }) }),
    { title: 'Files of the drive', description: 'The text of a file, by its path.' },
    (uri) => ({ contents: drive.filter((file) => `m365://drive${file.path}` === uri.href).map(contentOf(uri)) }),
  );
}

const contentOf = (uri: URL) => (file: (typeof drive)[number]) => ({
  uri: uri.href,
  mimeType: file.mimeType,
  text: file.text,
});

function registerMeetingPrompt(server: McpServer): void {
  server.registerPrompt(
    'prepare_day',
    {
      title: 'Prepare my day',
      description: 'Asks for a short briefing on the meetings of a day.',
      argsSchema: z.object({ date: Day }),
    },
    ({ date }) => {
      const text = `Brief me on my meetings of ${date}; use mails and files:\n${JSON.stringify(eventsOn(date))}`;
      return { messages: [{ role: 'user', content: { type: 'text', text } }] };
    },
  );
}

if (import.meta.main) serveMcp('mcp-m365', m365);
