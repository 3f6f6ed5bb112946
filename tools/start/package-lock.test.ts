// The committed lock file installs on every platform: `npm ci` refuses one that lacks an entry for an optional package of
// another platform, which npm leaves out when the registry at hand does not carry it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../stack/index.ts';

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly resolved?: string;
  readonly link?: boolean;
}

const lock: { readonly packages: Readonly<Record<string, Locked>> } = JSON.parse(
  readFileSync(join(checkout, 'package-lock.json'), 'utf8'),
);

/** Where Node would look for `name` from the package at `path`. */
function places(path: string, name: string): string[] {
  const folders = path.split('/node_modules/');
  const above = folders.map((_, at) => folders.slice(0, folders.length - at).join('/node_modules/'));
  return [
    ...above.filter((folder) => folder !== '').map((folder) => `${folder}/node_modules/${name}`),
    `node_modules/${name}`,
  ];
}

test('every optional dependency has an entry', () => {
  const wanted = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).map((name) => [path, name] as const),
  );
  expect(wanted.length).toBeGreaterThan(20);
  expect(wanted.filter(([path, name]) => !places(path, name).some((place) => place in lock.packages))).toEqual([]);
});

test('no registry is named', () => {
  const named = Object.values(lock.packages).flatMap(({ resolved, link }) =>
    resolved === undefined || link ? [] : [resolved],
  );
  expect(named.filter((address) => /^\w+:\/\//.test(address))).toEqual([]);
});
