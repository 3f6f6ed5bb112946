#!/usr/bin/env node
// bin `pulumi`: in the checkout `npx pulumi …` is the CLI that `npm run up` uses, on the same backend. See run-pulumi.ts.

import { runScript } from './start/run.mjs';

process.exitCode = await runScript('pulumi', process.argv.slice(2));
