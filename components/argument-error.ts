/**
 * An argument that cannot be used. Thrown at construction; its text names the component, the argument, what was expected
 * and what to do. As a RunError it is shown without a stack trace: the fault is in the arguments, not in the code.
 */
import { explain } from '@portolan/provider';
import { RunError } from '@pulumi/pulumi';
import type { z } from 'zod';

export class ArgumentError extends RunError {
  readonly argument: string;

  /** @param argument `GatewayPlane(aws).url` @param reason What was expected, and what to do. */
  constructor(argument: string, reason: string) {
    super(`${argument}: ${reason}`);
    this.argument = argument;
  }
}

/** The parsed arguments, or an ArgumentError with every fault, one a line. */
export function parseArguments<T>(schema: z.ZodType<T>, owner: string, args: unknown): T {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => explain(owner, issue, args)).join('\n');
  const at = faults.indexOf(': ');
  throw new ArgumentError(faults.slice(0, at), faults.slice(at + 2));
}
