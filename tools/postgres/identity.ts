// As whom PostgreSQL runs. It refuses root. A person's own account needs nothing; root goes into a user namespace, which
// keeps pid and file ownership; where namespaces are refused, to `nobody`, with binaries and data in a folder that such
// an account can reach. Invariant: whatever the way, the pid started is PostgreSQL's own.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

export interface Identity {
  readonly kind: 'self' | 'namespace' | 'nobody';
  /** The same command as that account, by exec. */
  readonly wrap: (command: string, args: readonly string[]) => Command;
}

export const nobody = 65534;

const self: Identity = { kind: 'self', wrap: (command, args) => ({ command, args }) };

const namespace: Identity = {
  kind: 'namespace',
  wrap: (command, args) => ({
    command: 'unshare',
    args: ['--user', '--map-user=1000', '--map-group=1000', command, ...args],
  }),
};

const asNobody: Identity = {
  kind: 'nobody',
  wrap: (command, args) => ({
    command: 'setpriv',
    args: [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', command, ...args],
  }),
};

/** Tries the ways in order. Throws when root has none. */
export function chooseIdentity(): Identity {
  if (process.getuid?.() !== 0) return self;
  if (works(namespace)) return namespace;
  if (works(asNobody)) return asNobody;
  throw new Error(
    'PostgreSQL refuses to run as root, and neither `unshare --user` nor `setpriv` (util-linux) works here. Run this as another user, or set DATABASE_URL.',
  );
}

/** Where the cluster of `data` lies. `nobody` cannot reach below a home of mode 0700. */
export function clusterHome(data: string, identity: Identity): string {
  if (identity.kind !== 'nobody') return data;
  const hash = createHash('sha256').update(data).digest('hex').slice(0, 16);
  return join(tmpdir(), `portolan-postgres-${hash}`);
}

function works(identity: Identity): boolean {
  const { command, args } = identity.wrap('true', []);
  return spawnSync(command, [...args], { stdio: 'ignore', timeout: 10_000 }).status === 0;
}
