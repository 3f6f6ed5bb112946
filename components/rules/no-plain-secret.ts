/**
 * What a program says in plain stands in the repository, in the state, in previews and in the API server's audit log. So a
 * Secret that a program declares holds no values (also marked ones: Pulumi's SDK marks those of every Secret, which says nothing
 * of where they came from), and no password, token or URL with a password stands anywhere in inputs.
 */
import {
  at,
  type Declared,
  isAbsent,
  isKubernetes,
  list,
  notYetKnown,
  record,
  text,
  type Violation,
  violation,
} from './declared.ts';
import { containersOf, podsOf } from './pods.ts';
import { placesOf } from './walk-values.ts';

export const rule = 'no-plain-secret';

const byReference = 'Make it in the cluster (as our birth job does) or by a secret operator, and name it here.';

export function noPlainSecret(resource: Declared): readonly Violation[] {
  return [
    ...filledSecret(resource),
    ...plainVariables(resource),
    ...plainEntries(resource),
    ...plainKubeconfig(resource),
    ...plainAnywhere(resource),
  ];
}

function filledSecret(resource: Declared): readonly Violation[] {
  if (!isKubernetes(resource, '', 'Secret')) return [];
  return ['data', 'stringData']
    .filter((key) => !isEmpty(at(resource.props, key)))
    .map((path) => violation(rule, resource, { path, expected: 'a Secret without values', remedy: byReference }));
}

/** An unknown map is a filled one: nobody computes an empty Secret. */
function isEmpty(value: unknown): boolean {
  return isAbsent(value) || (value !== notYetKnown && Object.keys(record(value)).length === 0);
}

const secretName =
  /(^|[_.-])(PG)?(PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|SECRET_?KEY|PRIVATE_?KEY|CREDENTIALS?)S?($|[_.-])/;

/** Names that say where a secret is, or something about it. */
const aboutSecret =
  /[_.-](FILE|PATH|DIR|NAME|REF|URL|URI|ENDPOINT|ISSUER|AUDIENCE|ID|TYPE|TTL|LIFE|LIFETIME|EXPIRY|SECONDS|MS|SIZE|LENGTH|ENABLED|REQUIRED|PREFIX|HEADER|ROTATION|POLICY)$/;

function isSecretName(name: string): boolean {
  const upper = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
  return secretName.test(upper) && !aboutSecret.test(upper);
}

/** Words that are settings, and references that Kubernetes or a shell fills in. */
function isHarmless(value: unknown): boolean {
  if (typeof value !== 'string') return true;
  return /^(|true|false|yes|no|on|off|none|required|\d{1,3}|\$\([A-Za-z_]\w*\)|\$\{[A-Za-z_]\w*\})$/i.test(
    value.trim(),
  );
}

function plainVariables(resource: Declared): readonly Violation[] {
  return podsOf(resource)
    .flatMap(containersOf)
    .flatMap(({ path, container }) =>
      list(at(container, 'env')).map((variable, index) => ({ path: `${path}.env[${index}]`, variable })),
    )
    .filter(({ variable }) => isSecretName(text(at(variable, 'name')) ?? '') && !isHarmless(at(variable, 'value')))
    .map(({ path, variable }) => {
      const expected = `${text(at(variable, 'name'))} not to have a literal value`;
      const remedy =
        'Mount the Secret as a file and name the file; or, for what reads variables alone, use valueFrom.secretKeyRef.';
      return violation(rule, resource, { path: `${path}.value`, expected, remedy });
    });
}

function plainEntries(resource: Declared): readonly Violation[] {
  if (!isKubernetes(resource, '', 'ConfigMap')) return [];
  return Object.entries(record(at(resource.props, 'data')))
    .filter(([key, value]) => isSecretName(key) && !isHarmless(value))
    .map(([key]) =>
      violation(rule, resource, { path: `data.${key}`, expected: 'no secret in a ConfigMap', remedy: byReference }),
    );
}

/** Static credentials in a kubeconfig, be it YAML or JSON; its keys are no-key-material's. */
const kubeconfigCredential = /(^|[\s{,])["']?(token|password)["']?\s*:\s*["']?[^\s"',}]/m;

function plainKubeconfig(resource: Declared): readonly Violation[] {
  const path = 'kubeconfig';
  const kubeconfig = text(at(resource.props, path)) ?? '';
  if (resource.type !== 'pulumi:providers:kubernetes' || !kubeconfigCredential.test(kubeconfig)) return [];
  const expected = 'a kubeconfig without token or password: the state keeps it';
  const remedy = 'Give the path of the file, or let it ask a program (`exec`) or name a `tokenFile`.';
  return [violation(rule, resource, { path, expected, remedy })];
}

/** Tokens of ours (core/tokens.ts), also damaged ones. */
const token = /ptl_[a-z]{3}_[0-9A-Za-z]{10}_[0-9A-Za-z]{10,}/;

/** The scheme has a bound, so that long text is read in one go. */
const urlWithPassword = /[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/?#@:"']*:([^\s/?#@"']+)@/gi;

function plainAnywhere(resource: Declared): readonly Violation[] {
  const finding = (expected: string, remedy: string) => (path: string) =>
    violation(rule, resource, { path, expected, remedy });
  const tokens = placesOf(resource.props, (value) => typeof value === 'string' && token.test(value));
  const urls = placesOf(resource.props, (value) => typeof value === 'string' && hasPassword(value));
  return [
    ...tokens.map(
      finding(
        'no token of the federation',
        'Name the file or Secret that holds it, and revoke this one: it was written down.',
      ),
    ),
    ...urls.map(
      finding(
        'a URL without a password',
        'Leave the password out; for PostgreSQL, PGPASSFILE names the file that has it.',
      ),
    ),
  ];
}

function hasPassword(value: string): boolean {
  return [...value.matchAll(urlWithPassword)].some(([, password]) => !isReference(password ?? ''));
}

function isReference(password: string): boolean {
  return /^(\$\([A-Za-z_]\w*\)|\$\{[A-Za-z_]\w*\})$/.test(password);
}
