// Holds the import law on this checkout, and proves the checker by sources that break it.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { expect, test } from 'vitest';
import { cycles, importsOf } from './import-law/imports.ts';
import { violations } from './import-law/law.ts';

const root = dirname(import.meta.dirname);

/** Sources and manifests of the checkout; built and installed files are no sources. */
function checkoutSources(): Map<string, string> {
  const left = new Set(['node_modules', 'dist', 'coverage']);
  const walk = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (entry.name.startsWith('.') || left.has(entry.name)) return [];
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return walk(path);
      return /\.[cm]?[jt]sx?$/.test(entry.name) || entry.name === 'package.json' ? [path] : [];
    });
  return new Map(walk(root).map((path) => [relative(root, path).split(sep).join('/'), readFileSync(path, 'utf8')]));
}

test('this checkout keeps the import law', () => {
  const sources = checkoutSources();
  expect(sources.size).toBeGreaterThan(50);
  expect(violations(sources).map(({ rule, file, says }) => `${rule}: ${file}: ${says}`)).toEqual([]);
});

const manifest = (...names: string[]) =>
  JSON.stringify({ dependencies: Object.fromEntries(names.map((name) => [name, '1.0.0'])) });
const imports = (...specifiers: string[]) =>
  specifiers.map((specifier) => `import { x } from '${specifier}';`).join('\n');

const broken: readonly [string, Record<string, string>, string][] = [
  ['core imports a framework', { 'core/a.ts': imports('fastify') }, 'package'],
  ['core acts', { 'core/a.ts': imports('node:fs') }, 'package'],
  ['core imports one of ours', { 'core/a.ts': imports('@portolan/gateway') }, 'package'],
  ['gateway imports the control plane', { 'gateway/a.ts': imports('@portolan/control-plane') }, 'package'],
  ['by a relative path', { 'gateway/a.ts': imports('../control-plane/b.ts'), 'control-plane/b.ts': '' }, 'package'],
  ['as a type only', { 'gateway/a.ts': "import type { X } from '@portolan/provider';" }, 'package'],
  ['inside a function', { 'gateway/a.ts': "const f = () => import('@portolan/components');" }, 'package'],
  ['components import gateway code', { 'components/a.ts': imports('@portolan/gateway') }, 'package'],
  ['stacks import core', { 'stacks/a.ts': imports('@portolan/core') }, 'package'],
  ['examples import ours', { 'examples/servers/a.ts': imports('@portolan/core') }, 'package'],
  ['a package leaves itself', { 'gateway/a.ts': imports('../vitest.config.ts'), 'vitest.config.ts': '' }, 'package'],
  ['a door is gone around by name', { 'gateway/a.ts': imports('@portolan/core/tokens.ts') }, 'door'],
  ['a door is gone around by path', { 'gateway/a.ts': imports('../core/tokens.ts'), 'core/tokens.ts': '' }, 'door'],
  [
    'gRPC behind the provider’s door',
    { 'provider/index.ts': imports('./b.ts'), 'provider/b.ts': imports('@grpc/grpc-js') },
    'door',
  ],
  ['policies take more than the pure rules', { 'policies/a.ts': imports('@portolan/components') }, 'door'],
  ['others come in by the door of the rules', { 'stacks/a.ts': imports('@portolan/components/rules') }, 'door'],
  [
    'policies go around the door of the rules',
    { 'policies/a.ts': imports('@portolan/components/rules/pods.ts') },
    'door',
  ],
  [
    'an SDK behind the door of the rules',
    { 'components/rules/index.ts': imports('./b.ts'), 'components/rules/b.ts': imports('@pulumi/pulumi') },
    'door',
  ],
  ['the provider behind the door of the rules', { 'components/rules/index.ts': imports('@portolan/provider') }, 'door'],
  [
    'an undeclared dependency',
    { 'gateway/a.ts': imports('undici'), 'gateway/package.json': manifest('fastify') },
    'dependency',
  ],
  [
    'an undeclared sibling',
    { 'gateway/a.ts': imports('@portolan/core'), 'gateway/package.json': manifest() },
    'dependency',
  ],
  ['a stage imports a stage', { 'gateway/stages/a.ts': imports('./b.ts'), 'gateway/stages/b.ts': '' }, 'gateway'],
  [
    'a stage imports an adapter',
    { 'gateway/stages/a.ts': imports('../adapters/b.ts'), 'gateway/adapters/b.ts': '' },
    'gateway',
  ],
  [
    'server imports an adapter',
    { 'gateway/server.ts': imports('./adapters/b.ts'), 'gateway/adapters/b.ts': '' },
    'gateway',
  ],
  [
    'pipeline imports routes',
    { 'gateway/pipeline.ts': imports('./routes/b.ts'), 'gateway/routes/b.ts': '' },
    'gateway',
  ],
  [
    'an adapter imports the context',
    { 'gateway/adapters/a.ts': imports('../context.ts'), 'gateway/context.ts': '' },
    'gateway',
  ],
  ['ports import a stage', { 'gateway/ports.ts': imports('./stages/b.ts'), 'gateway/stages/b.ts': '' }, 'gateway'],
  [
    'a stage reaches the server through a file beside',
    {
      'gateway/stages/a.ts': imports('../drain.ts'),
      'gateway/drain.ts': imports('./server.ts'),
      'gateway/server.ts': '',
    },
    'gateway',
  ],
  ['code imports what is for tests', { 'gateway/a.ts': imports('./test/b.ts'), 'gateway/test/b.ts': '' }, 'package'],
  ['two files import each other', { 'gateway/a.ts': imports('./b.ts'), 'gateway/b.ts': imports('./a.ts') }, 'cycle'],
  [
    'by types alone',
    { 'core/a.ts': "import type { B } from './b.ts';", 'core/b.ts': "import type { A } from './a.ts';" },
    'cycle',
  ],
  ['a file imports itself', { 'core/a.ts': imports('./a.ts') }, 'cycle'],
  ['a kind without a line', { 'components/sites/local-site.ts': '', 'components/sites/index.ts': '' }, 'shelf'],
  ['a kind with two lines', { 'policies/a.ts': '', 'policies/index.ts': imports('./a.ts', './a.ts') }, 'shelf'],
  ['a shelf without an index', { 'core/outbound-auth/none.ts': '' }, 'shelf'],
  ['a file too long', { 'core/a.ts': 'x\n'.repeat(401) }, 'length'],
  ['a test too long', { 'core/a.test.ts': 'x\n'.repeat(401) }, 'length'],
  ['a name that says nothing', { 'core/string-utils.ts': '' }, 'name'],
];

test.each(broken)('the law is broken when: %s', (_name, files, rule) => {
  const found = violations(new Map(Object.entries(files)));
  expect(found.map((violation) => violation.rule)).toContain(rule);
});

const kept: readonly [string, Record<string, string>][] = [
  [
    'policies ask the pure rules, and constructors throw what they find',
    {
      'policies/a.ts': imports('@portolan/components/rules', '@pulumi/policy'),
      'policies/index.ts': imports('./a.ts'),
      'components/rules/index.ts': imports('./b.ts'),
      'components/rules/b.ts': imports('@portolan/core'),
      'components/rules/expect.ts': imports('@portolan/provider', './b.ts'),
    },
  ],
  ['core uses zod and hashes', { 'core/a.ts': imports('zod', 'node:crypto', './b.ts'), 'core/b.ts': '' }],
  [
    'main wires everything',
    {
      'gateway/main.ts': imports('./server.ts', './adapters/b.ts'),
      'gateway/server.ts': '',
      'gateway/adapters/b.ts': '',
    },
  ],
  [
    'a stage uses ports and stream',
    {
      'gateway/stages/a.ts': imports('../ports.ts', '../stream/s.ts'),
      'gateway/ports.ts': '',
      'gateway/stream/s.ts': '',
    },
  ],
  ['a test imports what it likes', { 'gateway/a.test.ts': imports('../control-plane/b.ts'), 'control-plane/b.ts': '' }],
  ['a long table', { 'core/errors.ts': `// table\n${'x\n'.repeat(500)}` }],
  [
    'a full shelf',
    {
      'components/sites/local-site.ts': '',
      'components/sites/index.ts': "export { LocalSite } from './local-site.ts';",
    },
  ],
  [
    'main drains by a file beside',
    { 'gateway/main.ts': imports('./drain.ts'), 'gateway/drain.ts': imports('./server.ts'), 'gateway/server.ts': '' },
  ],
  [
    'a shelf with an interface',
    {
      'policies/a.ts': imports('./policy.ts'),
      'policies/policy.ts': '',
      'policies/index.ts': `export type { P } from './policy.ts';\nimport type { P } from './policy.ts';\n${imports('./a.ts')}`,
    },
  ],
  ['a word in a string is no import', { 'core/a.ts': 'const text = \'import fastify from "fastify"\';' }],
];

test.each(kept)('the law is kept when: %s', (_name, files) => {
  expect(violations(new Map(Object.entries(files)))).toEqual([]);
});

test('each cycle is told once, with every file on it', () => {
  const sources = new Map(
    Object.entries({
      'a.ts': imports('./b.ts'),
      'b.ts': imports('./c.ts'),
      'c.ts': imports('./a.ts'),
      'd.ts': imports('./a.ts'),
      'e.ts': imports('./e.ts'),
    }),
  );
  expect(cycles(importsOf(sources))).toEqual([['a.ts', 'b.ts', 'c.ts'], ['e.ts']]);
});
