// What `flows` prints: a paragraph a rule, for whoever approves it. Pure: values in, text out.

import { z } from 'zod';

/** The output `flows` of a program: its rules in words, as components describe them. */
export const ExportedFlows = z.array(
  z.strictObject({
    id: z.string(),
    reason: z.string(),
    from: z.string(),
    to: z.string(),
    ports: z.array(z.string()),
    dials: z.string().optional(),
  }),
);
export type ExportedFlows = z.infer<typeof ExportedFlows>;

export function flowsReport(flows: ExportedFlows): string {
  const paragraphs = flows.map(({ id, reason, from, to, ports, dials }) =>
    [
      id,
      `  ${reason}`,
      `  from   ${from}`,
      `  to     ${to}`,
      ...(dials === undefined ? [] : [`  dials  ${dials}`]),
      `  ports  ${ports.join(', ')}`,
    ].join('\n'),
  );
  return [...paragraphs, `${flows.length} rules. What is not here is denied, in and out.`].join('\n\n');
}
