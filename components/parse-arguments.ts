/** Arguments of a component against their schema. */
import { ArgumentError, explain } from '@portolan/provider';
import type { z } from 'zod';

/** The parsed arguments, or an ArgumentError with every fault, one a line. */
export function parseArguments<T>(schema: z.ZodType<T>, owner: string, args: unknown): T {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => explain(owner, issue, args)).join('\n');
  const at = faults.indexOf(': ');
  throw new ArgumentError(faults.slice(0, at), faults.slice(at + 2));
}
