// `flows` on states as the file backend writes them: printed, as JSON, none on a local stack, not up, and of another version.

import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { describeFlow, federationFlows } from '../../components/flows/index.ts';
import { plan } from '../../components/flows/test/federations.ts';
import { checkout, stackPlace } from './index.ts';

const name = `flows-${process.pid}`;
afterAll(() => rm(join(checkout, '.portolan', name), { recursive: true, force: true }));

/** @param outputs Of the stack; undefined: it is down. */
async function up(outputs: object | undefined): Promise<void> {
  const place = await stackPlace(name);
  const file = join(place.state, '.pulumi', 'stacks', place.project, `${name}.json`);
  await mkdir(dirname(file), { recursive: true });
  const resources = outputs && [{ type: 'pulumi:pulumi:Stack', outputs }];
  await writeFile(file, JSON.stringify({ version: 3, checkpoint: { stack: name, latest: { resources } } }));
}

interface Said {
  readonly code: number | string;
  readonly text: string;
}

function flows(...args: string[]): Promise<Said> {
  const command = [join(checkout, 'tools', 'commands', 'flows.ts'), '--stack', name, ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, text: `${stdout}${stderr}` });
    });
  });
}

const site = {
  name: 'onprem',
  platform: 'generic' as const,
  cluster: 'onprem',
  egressCidrs: [`${plan.egress(0)}/32`],
  apiServer: { cidrs: undefined, port: 6443 },
  upstreamCidrs: [{ cidr: '10.0.0.0/8', ports: [8080] }],
};
const plane = (of: string) => ({
  name: of,
  url: `https://${of}.example.com`,
  site,
  namespace: `portolan-${of}`,
  ingressCidrs: undefined,
  endpointOverride: `${of}.portolan-${of}.svc:443`,
});
const exported = federationFlows({ kind: 'control-plane', ...plane('control'), database: 'cluster' }, [
  { kind: 'gateway', ...plane('onprem') },
]).map(describeFlow);

test('each rule stands with its reason, both ends and ports', async () => {
  await up({ flows: exported });
  const { code, text } = await flows();
  expect(code).toBe(0);
  expect(text).toContain(`enrolment.onprem.control
  A gateway enrols, renews its certificate and, while NATS is away, reads its snapshot.
  from   gateway onprem: namespace portolan-onprem of cluster onprem, seen elsewhere as 203.0.113.1/32
  to     control plane control: namespace portolan-control of cluster onprem, seen elsewhere as not known yet
  dials  control.portolan-control.svc:443
  ports  TCP 443 (8443 at the pod)
`);
  expect(text).toContain(`${exported.length} rules. What is not here is denied, in and out.`);
});

test('--json is what the program exported', async () => {
  await up({ flows: exported });
  expect(JSON.parse((await flows('--json')).text)).toEqual(exported);
});

test('a local stack says that it has none', async () => {
  await up({ controlPlane: 'https://localhost:18400' });
  expect(await flows()).toMatchObject({
    code: 0,
    text: expect.stringContaining('has no rules: its planes are processes of this machine'),
  });
  expect(await flows('--json')).toEqual({ code: 0, text: '[]\n' });
});

test('a stack that is not up, and one of another version, say what to do', async () => {
  await up(undefined);
  expect(await flows()).toMatchObject({ code: 1, text: expect.stringMatching(/is not up.*`npm run up`/) });
  await up({ flows: [{ id: 'a' }] });
  expect(await flows()).toMatchObject({ code: 1, text: expect.stringMatching(/another version.*Run its `up` again/) });
});
