/**
 * An argument that cannot be used. Thrown at construction; its text names the component or resource, the argument, what
 * was expected and what to do. As a RunError it is shown without a stack trace: the fault is in the arguments, not in the code.
 */
import { RunError } from '@pulumi/pulumi';

export class ArgumentError extends RunError {
  readonly argument: string;

  /** @param argument `GatewayPlane(aws).url` @param reason What was expected, and what to do. */
  constructor(argument: string, reason: string) {
    super(`${argument}: ${reason}`);
    this.argument = argument;
  }
}
