/** Ends an exchange whose answer nobody wants any more. */
import type { Answer } from '../ports.ts';

export const leave = (answer: Answer): void => void answer.body[Symbol.asyncIterator]().return?.();
