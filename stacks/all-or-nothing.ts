/**
 * Lets a program register nothing until all of it has been read. Without this the engine creates what comes before a bad
 * argument while the program is still failing (an `up` without preview). Invariant: a program that throws registers nothing.
 */
import { mergeOptions, type Resource, runtime } from '@pulumi/pulumi';

/** Runs `program`; its resources wait for its end. Throws what it throws. */
export function allOrNothing<Outputs>(program: () => Outputs): Outputs {
  const read = Promise.withResolvers<Resource[]>();
  runtime.registerStackTransformation(({ props, opts }) => ({
    props,
    opts: mergeOptions(opts, { dependsOn: read.promise }),
  }));
  try {
    const outputs = program();
    read.resolve([]);
    return outputs;
  } catch (error) {
    read.reject(error); // the same error: the engine tells it once, and every resource that waits gives up
    throw error;
  }
}
