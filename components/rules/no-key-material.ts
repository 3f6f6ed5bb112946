/**
 * A key in the state is a key in every copy of the state, for whoever may read one. Keys are made where they are used (gateways,
 * control plane) and never leave; a program carries public parts alone. So: no resource whose provider makes a key and keeps it
 * in the state, and no private key among any inputs.
 */
import { type Declared, record, text, type Violation, violation } from './declared.ts';
import { placesOf } from './walk-values.ts';

export const rule = 'no-key-material';

/** Types whose outputs hold what they make. */
const keyMakers: readonly RegExp[] = [
  /^tls:.*:PrivateKey$/i,
  /^random:.*:RandomPassword$/i,
  /^aws:iam\/accessKey:AccessKey$/i,
  /^gcp:serviceaccount\/key:Key$/i,
  /^azuread:.*:(Application|ServicePrincipal)Password$/i,
];

/** PKCS #8 and #1, SEC 1, OpenSSH and PGP armour (RFC 7468 and its cousins), encrypted ones too. */
const armour = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/;

/** Seeds of nkeys: S, the kind, 56 letters of base32. */
const nkeySeed = /(?<![A-Z0-9])S[OAUNCX][A-Z2-7]{56}(?![A-Z0-9])/;

function isPrivateKey(value: string | Readonly<Record<string, unknown>>): boolean {
  return typeof value === 'string' ? armour.test(value) || nkeySeed.test(value) : isPrivateJwk(value);
}

/** RFC 7517 and 7518: `d` of RSA, EC and OKP keys, `k` of symmetric ones. */
function isPrivateJwk(value: Readonly<Record<string, unknown>>): boolean {
  const { kty, d, k } = record(value);
  if (kty === 'oct') return text(k) !== undefined;
  return text(kty) !== undefined && text(d) !== undefined;
}

export function noKeyMaterial(resource: Declared): readonly Violation[] {
  if (keyMakers.some((pattern) => pattern.test(resource.type))) {
    const expected = `no resource of type ${resource.type}: what it makes lies in the state`;
    const remedy = 'Let the process that uses the key make it, or a key service, and pass its name.';
    return [violation(rule, resource, { path: '', expected, remedy })];
  }
  return placesOf(resource.props, isPrivateKey).map((path) =>
    violation(rule, resource, {
      path,
      expected: 'no private key',
      remedy: 'Pass the name of a Secret or the path of a file that holds it, or a public key.',
    }),
  );
}
