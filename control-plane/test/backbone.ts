/**
 * A control plane without its HTTP server, for a test: real PostgreSQL, real nats-server, real keys by `init`, the backbone running.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Config, dataFiles, parseConfig } from '../config.ts';
import { type DatabaseAddress, type Db, openDatabase } from '../db/index.ts';
import { init } from '../init/index.ts';
import { type Kek, readKekFile } from '../keys/kek.ts';
import { startTestNats, type TestNats } from './nats-server.ts';
import { freePort, startTestPostgres, type TestPostgres } from './postgres.ts';
import { type Backbone, startBackbone } from './start-backbone.ts';

export interface TestBackbone extends AsyncDisposable {
  readonly config: Config;
  readonly database: Db;
  readonly kek: Kek;
  readonly postgres: TestPostgres;
  readonly nats: TestNats;
  readonly metrics: unknown[];
  readonly troubles: string[];
  readonly alarms: string[];
  /** Removes everything that NATS has stored, its accounts too. Kill it first. */
  wipeNats(): Promise<void>;
  /** The one running now. */
  backbone(): Backbone;
  /** Ends it and starts another on the same data. `now`: its clock. */
  restart(now?: () => number): Promise<void>;
}

/** `extra`: further lines of the `controlPlane:` section. `before`: comes before `init`. */
export async function startTestBackbone(
  extra = '',
  before: (config: Config) => Promise<void> = async () => {},
): Promise<TestBackbone> {
  await using stack = new AsyncDisposableStack(); // ends what was started when a later step fails
  const dir = await mkdtemp(join(tmpdir(), 'portolan-cp-'));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const postgres = stack.use(await startTestPostgres());
  const [port, monitor] = [await freePort(), await freePort()];
  const config = testConfig({ dir, port, monitor, extra }, postgres.address);
  await before(config);
  await init(config, () => {});
  const nats = stack.use(await startTestNats(dataFiles(config.dataDir).natsConf, port));
  const database = openDatabase(config.database);
  stack.defer(() => database.close());
  const kek = await readKekFile(dataFiles(config.dataDir).kek);
  const heard = { metrics: [] as unknown[], troubles: [] as string[], alarms: [] as string[] };
  const start = (now: () => number): Promise<Backbone> =>
    startBackbone({
      config,
      database,
      kek,
      now,
      onMetrics: (gateway, body) => heard.metrics.push({ gateway, body }),
      onTrouble: (doing, error) => heard.troubles.push(`${doing}: ${error}`),
      onAlarm: (subject, error) => heard.alarms.push(`${subject}: ${error}`),
    });
  let backbone = await start(Date.now);
  stack.defer(() => backbone.stop());
  const running = stack.move();
  return {
    ...heard,
    config,
    database,
    kek,
    postgres,
    nats,
    wipeNats: () => rm(config.nats.storeDir ?? '', { recursive: true, force: true }),
    backbone: () => backbone,
    restart: async (now = Date.now) => {
      await backbone.stop();
      backbone = await start(now);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface Place {
  readonly dir: string;
  readonly port: number;
  readonly monitor: number;
  readonly extra: string;
}

export function testConfig({ dir, port, monitor, extra }: Place, database: DatabaseAddress): Config {
  const text = `controlPlane:
  federation: test
  url: https://localhost:18400
  dataDir: ${join(dir, 'data')}
  siteCertificate: { hosts: [localhost, 127.0.0.1] }
  nats: { url: "nats://localhost:${port}", listen: "127.0.0.1:${port}", monitor: "127.0.0.1:${monitor}", storeDir: ${join(dir, 'nats')} }
${extra}
`;
  return parseConfig(text, { DATABASE_URL: database.url, PGPASSFILE: database.passFile }, 'test');
}

/** Polls until `ask` answers something other than undefined or false. */
export async function until<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 10_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`Nothing within ${ms} ms: ${ask.toString()}`);
    await wait(10);
  }
}
