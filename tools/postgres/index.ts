// The door of PostgreSQL from npm: how it is launched, and one of one's own for tests.

export { PostgresMissing } from './binaries.ts';
export { type PostgresLaunch, postgresLaunch } from './launch.ts';
export { removeCluster } from './prepare-cluster.ts';
export { type PostgresOptions, type RunningPostgres, startPostgres } from './start-postgres.ts';
