import { makeToken, tokenText } from '@portolan/core';
import { expect, test } from 'vitest';
import { configMap, declared, deployment, gatewayPod, secret, type Value } from '../test/manifests.ts';
import { type Declared, noPlainSecret, notYetKnown, violationText } from './index.ts';

const env = (...variables: Value[]) => deployment(gatewayPod({ container: { env: variables } }));
const args = (...list: unknown[]) => deployment(gatewayPod({ container: { args: list } }));
const paths = (resource: Declared) =>
  noPlainSecret(resource).map(({ path }) => path.replace('spec.template.spec.', ''));
const variable = (name: string, value: unknown = 'correct-horse') => env({ name, value });

const provider = (kubeconfig: string) => declared('pulumi:providers:kubernetes', { kubeconfig });

test.each<[string, Declared]>([
  ['our gateway', deployment()],
  ['an empty Secret', secret({})],
  ['a Secret for a service account’s token', secret({ type: 'kubernetes.io/service-account-token', data: {} })],
  ['a password by reference', env({ name: 'PGPASSWORD', valueFrom: { secretKeyRef: { name: 'x', key: 'y' } } })],
  ['the file of a password', variable('DATABASE_PASSWORD_FILE', '/etc/portolan/database/pgpass')],
  ['libpq’s name of that file', variable('PGPASSFILE', '/etc/portolan/database/pgpass')],
  ['the life of a token', variable('TOKEN_TTL', '24h')],
  ['whether there are tokens', variable('REQUIRE_TOKEN', 'true')],
  ['an empty one', variable('PASSWORD', '')],
  ['one that Kubernetes fills in', variable('PASSWORD', '$(DB_PASSWORD)')],
  ['one that only an update knows', variable('PASSWORD', notYetKnown)],
  ['a word that only begins like one', variable('TOKENIZER', 'bpe')],
  ['a compass', variable('COMPASS', 'north')],
  ['a URL without a password', variable('DATABASE_URL', 'postgres://portolan@db:5432/portolan')],
  ['a URL whose password Kubernetes fills in', variable('DATABASE_URL', 'postgres://portolan:$(PW)@db/portolan')],
  ['an address with an @ in its path', args('https://example.com:443/@scope/package')],
  ['a command that speaks of tokens', args('--token-file', '/var/run/secrets/portolan/token')],
  ['a kubeconfig by path', provider('/home/me/.kube/config')],
  ['a kubeconfig that asks a program', provider('users: [{name: x, user: {exec: {command: portolan-kube-token}}}]')],
  ['a kubeconfig that names a file', provider('users:\n- user:\n    tokenFile: /run/token\n    client-key: /x.key\n')],
  ['the word ptl_ alone', args('ptl_pat_')],
  ['a ConfigMap', configMap({ 'config.yaml': '{"gateway":{"serviceAccountTokenFile":"/x"}}' })],
])('passes: %s', (_what, resource) => {
  expect(paths(resource)).toEqual([]);
});

const password = 'correct-horse';
const url = `postgres://portolan:${password}@db:5432/portolan`;
const pat = 'ptl_pat_0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ0123456';

test.each<[string, Declared, string]>([
  ['a Secret with values', secret({ stringData: { password } }), 'stringData'],
  ['a Secret with encoded values', secret({ data: { password: 'Y29ycmVjdA==' } }), 'data'],
  ['a Secret whose values only an update knows', secret({ data: notYetKnown }), 'data'],
  [
    'a patch that fills one',
    { ...secret({ stringData: { password } }), type: 'kubernetes:core/v1:SecretPatch' },
    'stringData',
  ],
  ['a password', variable('PASSWORD'), 'containers[0].env[0].value'],
  ['libpq’s', variable('PGPASSWORD'), 'containers[0].env[0].value'],
  ['in camel case', variable('dbPassword'), 'containers[0].env[0].value'],
  ['an API key', variable('OPENAI_API_KEY'), 'containers[0].env[0].value'],
  ['a key of AWS', variable('AWS_SECRET_ACCESS_KEY'), 'containers[0].env[0].value'],
  ['a token of GitHub', variable('GITHUB_TOKEN'), 'containers[0].env[0].value'],
  [
    'of an init container',
    deployment(gatewayPod({ pod: { initContainers: [{ env: [{ name: 'SECRET', value: password }] }] } })),
    'initContainers[0].env[0].value',
  ],
  ['an entry of a ConfigMap', configMap({ 'admin-password': password }), 'data.admin-password'],
  ['a URL with a password', variable('DATABASE_URL', url), 'containers[0].env[0].value'],
  ['a URL with a password, among arguments', args('--database', url), 'containers[0].args[1]'],
  [
    'a URL with a password, inside a file',
    configMap({ 'config.yaml': JSON.stringify({ database: { url } }, null, 2) }),
    'data.config.yaml',
  ],
  ['a URL with a password, encoded', configMap({ blob: Buffer.from(url).toString('base64') }), 'data.blob'],
  ['a token of ours', args(pat), 'containers[0].args[0]'],
  ['a token of ours, cut short', args(pat.slice(0, 40)), 'containers[0].args[0]'],
  ['a token of ours in any resource', declared('aws:ssm/parameter:Parameter', { value: `Bearer ${pat}` }), 'value'],
  ['the token of a kubeconfig', provider(`users:\n- name: x\n  user:\n    token: ${password}\n`), 'kubeconfig'],
  ['the token of a kubeconfig, in a line', provider(`users: [{name: x, user: {token: ${password}}}]`), 'kubeconfig'],
  [
    'the password of a kubeconfig in JSON',
    provider(JSON.stringify({ users: [{ user: { username: 'x', password } }] })),
    'kubeconfig',
  ],
  ['an enrolment', declared('portolan:index:Process', { env: { X: pat.replace('pat', 'enr') } }), 'env.X'],
])('stops: %s', (_what, resource, path) => {
  expect(paths(resource)[0]).toBe(path);
  const said = noPlainSecret(resource).map(violationText).join('\n');
  expect(said).not.toContain(password);
  expect(said).not.toContain(pat.slice(0, 30));
});

test('a secret that was put where a name belongs is not shown either', () => {
  const said = noPlainSecret(declared('x:y:Z', { [pat]: { url } }))
    .map(violationText)
    .join('\n');
  expect(said).toContain('<key>.url');
  expect(said).not.toContain('ptl_pat');
});

test('tokens as this federation issues them are known', () => {
  expect(paths(args(tokenText(makeToken('pat'))))).toEqual(['containers[0].args[0]']);
});
