/**
 * The office of a company that does not exist: its calendar, mailbox and drive. Pure; the same question gets the same
 * answer. All dates are Europe/London wall-clock times without offset.
 */
import { drawFor, idOf, pick } from '../draw.ts';

export interface CalendarEvent {
  readonly id: string;
  readonly subject: string;
  readonly start: string;
  readonly end: string;
  readonly organizer: string;
  readonly attendees: readonly string[];
  readonly location: string;
}

export interface Mail {
  readonly id: string;
  readonly from: string;
  readonly subject: string;
  readonly received: string;
  readonly preview: string;
}

export interface DriveFile {
  readonly path: string;
  readonly mimeType: string;
  readonly modified: string;
  readonly text: string;
}

const people = ['maria.lopez', 'jonas.weber', 'aiko.tanaka', 'sam.okafor', 'lena.novak'] as const;
const subjects = [
  'Stand-up',
  'Design review',
  '1:1',
  'Quarterly planning',
  'Incident review',
  'Customer call',
] as const;
const rooms = ['Room Harbour', 'Room Lighthouse', 'Room Compass', 'Online'] as const;

const address = (person: string) => `${person}@portolan.example`;

/** Two to four meetings on a working day, none at a weekend. `date` is YYYY-MM-DD. */
export function eventsOn(date: string): CalendarEvent[] {
  const weekday = new Date(`${date}T00:00:00Z`).getUTCDay();
  if (weekday === 0 || weekday === 6) return [];
  const hours = [9, 11, 14, 16].slice(0, 2 + drawFor(date)(3));
  return hours.map((hour) => eventAt(date, hour));
}

function eventAt(date: string, hour: number): CalendarEvent {
  const draw = drawFor(`${date}/${hour}`);
  const [organizer, guest] = [pick(draw, people), pick(draw, people)];
  const clock = (of: number, minutes: string) => `${date}T${String(of).padStart(2, '0')}:${minutes}:00`;
  return {
    id: `evt-${idOf(`${date}/${hour}`)}`,
    subject: pick(draw, subjects),
    start: clock(hour, '00'),
    end: draw(2) === 0 ? clock(hour, '30') : clock(hour + 1, '00'),
    organizer: address(organizer),
    attendees: [...new Set([organizer, guest])].map(address),
    location: pick(draw, rooms),
  };
}

/** Newest first, as a mailbox shows them. */
export const mailbox: readonly Mail[] = (
  [
    [
      'jonas.weber',
      'Budget for the second quarter',
      '2026-09-04T16:12:00',
      'The figures are final, please approve them.',
    ],
    [
      'lena.novak',
      'Re: Migration of the data warehouse',
      '2026-09-04T11:40:00',
      'We can switch over on Saturday night.',
    ],
    [
      'aiko.tanaka',
      'Incident 4711: post-mortem',
      '2026-09-03T18:05:00',
      'The timeline and three actions are in the doc.',
    ],
    ['sam.okafor', 'Invoice 2026-0831', '2026-09-02T09:30:00', 'Attached is the invoice for August.'],
    ['maria.lopez', 'Welcome aboard', '2026-09-01T08:00:00', 'Here is what the first week looks like.'],
    ['jonas.weber', 'Migration plan, first draft', '2026-08-28T15:20:00', 'Comments are welcome until Tuesday.'],
  ] as const
).map(([from, subject, received, preview]) => ({
  id: `msg-${idOf(received)}`,
  from: address(from),
  subject,
  received,
  preview,
}));

/** The drive; folders are what the paths say. */
export const drive: readonly DriveFile[] = [
  {
    path: '/Finance/budget-q2.csv',
    mimeType: 'text/csv',
    modified: '2026-09-04T15:58:00',
    text: 'team,planned,spent\nplatform,120000,98000\nanalytics,80000,85500\n',
  },
  {
    path: '/Operations/incident-4711.md',
    mimeType: 'text/markdown',
    modified: '2026-09-03T17:50:00',
    text: '# Incident 4711\n\n14:02 error rate rises. 14:09 rolled back. 14:11 normal.\n',
  },
  {
    path: '/Operations/migration-plan.md',
    mimeType: 'text/markdown',
    modified: '2026-08-28T15:10:00',
    text: '# Migration of the data warehouse\n\n1. Copy. 2. Compare. 3. Switch on a Saturday night.\n',
  },
];
