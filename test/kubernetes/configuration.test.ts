/** What the stacks in clusters render is what the programs read: every ConfigMap's file by the schema of its program. */
import { describe, expect, test } from 'vitest';
import { type Registered, record } from '../../components/test/recorded-program.ts';
import { parseConfig } from '../../control-plane/config.ts';
import { NatsAgent } from '../../control-plane/nats-agent/config.ts';
import { ConfigFile } from '../../gateway/config-schema.ts';
import { kubernetes } from '../../stacks/kubernetes.ts';
import { type Loose, settingsOf } from './settings.ts';

/** `control-config` → its file. */
async function files(stack: string, change?: (settings: Loose) => void): Promise<ReadonlyMap<string, string>> {
  using settings = settingsOf(stack, change);
  const registered = await record(() => kubernetes(settings.value));
  const maps = registered.filter(
    ({ type, inputs }) => type === 'kubernetes:core/v1:ConfigMap' && inputs.data['config.yaml'],
  );
  return new Map(maps.map(({ name, inputs }: Registered) => [name, inputs.data['config.yaml']]));
}

const environment = { DATABASE_URL: 'postgres://portolan@postgres:5432/portolan', PGPASSFILE: '/etc/portolan/pgpass' };

describe.each(['dev', 'onprem'])('stack %s', (stack) => {
  test('the control plane reads its file: keys in the database, Secrets of birth, NATS by its agents', async () => {
    const config = parseConfig((await files(stack)).get('control-config') ?? '', environment, 'control-config');
    expect(config.keys).toEqual({ in: 'database', kekFile: '/etc/portolan/kek/kek' });
    expect(config.kubernetes?.adminTokenSecret).toBe('admin-token');
    expect(config.nats.servers).toBe(stack === 'onprem' ? 3 : 1);
    expect([config.nats.url].flat()).toHaveLength(config.nats.servers);
  });

  test('agents of NATS read theirs: every server is a route, by a name of the cluster host', async () => {
    const rendered = await files(stack);
    const { natsAgent } = JSON.parse(rendered.get('control-nats-config') ?? '');
    const agent = NatsAgent.parse(natsAgent);
    const { nats } = parseConfig(rendered.get('control-config') ?? '', environment, 'control-config');
    expect(agent.routes).toHaveLength(nats.servers === 1 ? 0 : nats.servers);
    for (const route of agent.routes) expect(route).toMatch(new RegExp(`^nats-\\d\\.${nats.clusterHost}:6222$`));
  });

  test('gateways read theirs: by their own tokens, in their own networks', async () => {
    const rendered = await files(stack);
    const own = [...rendered].filter(([name]) => !name.startsWith('control-'));
    expect(own).toHaveLength(stack === 'onprem' ? 2 : 1);
    for (const [, text] of own) {
      const { serviceAccountTokenFile, upstreamCidrs } = ConfigFile.parse(JSON.parse(text));
      expect(serviceAccountTokenFile).toBe('/var/run/secrets/portolan/token');
      expect(upstreamCidrs).toHaveLength(1);
    }
  });
});

test('with certificates by ACME, control plane, agents of NATS and gateways read that, and where the keys lie', async () => {
  const rendered = await files('onprem', ({ control, gateways }) => {
    for (const plane of [control, ...Object.values<Loose>(gateways)]) plane.certificate = { acme: true };
    const rfc2136 = { server: 'ns1.example.com', zone: 'acme.example.com', keyName: 'portolan' };
    control.certificates = {
      directory: 'https://acme.example.com/directory',
      directoryCidrs: ['192.0.2.32/28'],
      termsOfServiceAgreed: true,
      externalAccount: { keyId: 'kid-1', key: { secretRef: 'acme-account' } },
      dns: { rfc2136: { ...rfc2136, key: { secretRef: 'acme-tsig' } }, cidrs: ['192.0.2.53/32'] },
    };
  });
  const config = parseConfig(rendered.get('control-config') ?? '', environment, 'control-config');
  expect(config.siteCertificate).toEqual({ acme: true });
  expect(config.certificates).toMatchObject({
    directory: 'https://acme.example.com/directory',
    externalAccount: { keyId: 'kid-1', keyFile: '/etc/portolan/external-account/key' },
    dns: { rfc2136: { server: 'ns1.example.com', keyFile: '/etc/portolan/tsig/key' } },
  });
  expect(NatsAgent.parse(JSON.parse(rendered.get('control-nats-config') ?? '').natsAgent).certificate).toBe('acme');
  for (const name of ['berlin-config', 'paris-config'])
    expect(ConfigFile.parse(JSON.parse(rendered.get(name) ?? '')).certificate).toBe('acme');
});
