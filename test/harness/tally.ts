/** The last line of a test run, for machines: `N passed, N failed[, N skipped]`. Files that could not be loaded count as failed. */
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export default class Tally implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const count = (state: string): number => states.filter((one) => one === state).length;
    const broken = modules.filter((module) => module.errors().length > 0).length + errors.length;
    const skipped = count('skipped');
    const line = `${count('passed')} passed, ${count('failed') + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    // after vitest's own summary, which is printed at the same event
    process.once('exit', () => console.log(`\n${line}`));
  }
}
