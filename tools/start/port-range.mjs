// The ports of a local stack as a whole: what the options, their help and the bench must agree on. What each port is for
// stands in local/ports.ts.

export const defaultPortBase = 18_400;
export const lowestPortBase = 1_024;
/** Offset of the last port of a stack. */
export const lastOffset = 99;
export const highestPortBase = 65_535 - lastOffset;
