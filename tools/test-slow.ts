// `npm run slow`: the suites that take minutes each, by the same runner as `npm test`.

process.env.PORTOLAN_TESTS = 'slow';
await import('./test.ts');

export {};
