// Command: `node tools/postgres/prepare.ts --data <dir> --port <n>`. Makes the cluster where it is missing; run before
// every start. The port is taken so that the command names the server it is for; a cluster is bound to none.

import { isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';
import { PostgresMissing } from './binaries.ts';
import { prepareCluster } from './prepare-cluster.ts';

const { values } = parseArgs({ options: { data: { type: 'string' }, port: { type: 'string' } } });

if (values.data === undefined || !isAbsolute(values.data)) {
  console.error('usage: node tools/postgres/prepare.ts --data <absolute folder> --port <n>');
  process.exitCode = 2;
} else {
  await prepareCluster(values.data).catch((error: unknown) => {
    console.error(error instanceof PostgresMissing ? error.message : error);
    process.exitCode = 1;
  });
}
