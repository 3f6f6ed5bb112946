/**
 * An argument that cannot be used. Thrown at construction; its text names the component, the argument, what was expected
 * and what to do. As a RunError it is shown without a stack trace: the fault is in the arguments, not in the code.
 */
import { explain } from '@portolan/provider';
import { RunError } from '@pulumi/pulumi';
import type { z } from 'zod';

export class ArgumentError extends RunError {
  /** `GatewayPlane(aws).url` */
  readonly argument: string;

  /** @param owner `GatewayPlane(aws)` @param reason What was expected, and what to do. */
  constructor(owner: string, property: string, reason: string) {
    super(`${owner}.${property}: ${reason}`);
    this.argument = `${owner}.${property}`;
  }
}

/** The parsed arguments, or an ArgumentError with every fault, one a line. */
export function parseArguments<T>(schema: z.ZodType<T>, owner: string, args: unknown): T {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const [first, ...more] = parsed.error.issues.map((issue) => explain(owner, issue, args));
  const property = String(parsed.error.issues[0]?.path[0] ?? '');
  const reason = (first ?? '').slice(`${owner}.${property}: `.length);
  throw new ArgumentError(owner, property, [reason, ...more].join('\n'));
}
