// The import law of docs/architecture.md as a pure function: sources in, violations out. Tests (`*.test.ts`, folders
// `test/`, `stand-in/`) may import anything, are imported by tests only, and stand under the rules on cycles and length.

import { cycles, type Import, importsOf, packageOf, reachable, type Sources } from './imports.ts';

export interface Violation {
  readonly rule: 'package' | 'door' | 'dependency' | 'gateway' | 'cycle' | 'shelf' | 'length' | 'name';
  readonly file: string;
  /** What is wrong and what is expected, for the person who broke it. */
  readonly says: string;
}

/** Packages by folder: which of ours it may import, by name. `test` and `bench` may import anything. */
const packages: Readonly<Record<string, readonly string[]>> = {
  core: [],
  gateway: ['core'],
  'control-plane': ['core'],
  provider: ['core'],
  components: ['core', 'provider'],
  stacks: ['components', 'provider'],
  policies: ['core', 'components'],
  console: ['core'],
  'examples/servers': [],
  tools: ['core'],
};

/** Doors beside the one of a package: what stands behind it, and who alone may come in, by this one alone. */
const rulesDoor = { specifier: '@portolan/components/rules', file: 'components/rules/index.ts', for: 'policies' };

/** core decides and never acts. */
const builtinsOfCore = new Set(['node:crypto', 'node:buffer', 'node:net', 'node:zlib']);
const packagesOfCore = new Set(['zod']);

const shelves = ['gateway/authenticators', 'core/outbound-auth', 'components/sites', 'policies'];

const longestFile = 400;

/** Words that say nothing about what a file holds. */
const emptyNames = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'base',
  'manager',
  'service',
  'impl',
  'misc',
]);

export function violations(sources: Sources): readonly Violation[] {
  const imports = importsOf(sources);
  const lawful = imports.filter(({ from }) => !isTest(from));
  return [
    ...lawful.flatMap(packageLaw),
    ...lawful.flatMap(doorLaw),
    ...lawful.flatMap((one) => dependencyLaw(one, sources)),
    ...providerDoorLaw(imports),
    ...rulesDoorLaw(imports),
    ...gatewayLaws(lawful),
    ...cycles(imports).map(cycleViolation),
    ...shelves.flatMap((shelf) => shelfLaw(shelf, sources, lawful)),
    ...[...sources].flatMap(([file, text]) => [...lengthLaw(file, text), ...nameLaw(file)]),
  ];
}

export function isTest(file: string): boolean {
  return /\.test\.tsx?$/.test(file) || /(^|\/)(test|bench|stand-ins?)\//.test(file);
}

/** The package that a file belongs to, by folder. */
function home(file: string): string | undefined {
  return Object.keys(packages).find((folder) => file.startsWith(`${folder}/`));
}

function packageLaw({ from, specifier, file }: Import): Violation[] {
  const own = home(from);
  if (own === undefined) return [];
  if (file !== undefined && isTest(file))
    return [{ rule: 'package', file: from, says: `${specifier} is for tests only` }];
  const target = file === undefined ? siblingOf(specifier) : home(file);
  const allowed = packages[own] ?? [];
  const says = `${own} may not import ${target ?? specifier} (${specifier}); it may import ${allowed.join(', ') || 'none of ours'}`;
  if (target !== undefined && target !== own && !allowed.includes(target))
    return [{ rule: 'package', file: from, says }];
  if (file !== undefined && target === undefined)
    return [{ rule: 'package', file: from, says: `${specifier} leaves the package ${own}` }];
  return own === 'core' ? coreLaw(from, specifier) : [];
}

function coreLaw(from: string, specifier: string): Violation[] {
  if (specifier.startsWith('.') || builtinsOfCore.has(specifier) || packagesOfCore.has(packageOf(specifier) ?? ''))
    return [];
  const allowed = [...packagesOfCore, ...builtinsOfCore].join(', ');
  return [
    {
      rule: 'package',
      file: from,
      says: `core may import ${allowed} only, not ${specifier}: it decides and leaves acting to others`,
    },
  ];
}

/** "@portolan/core" → "core"; packages of others → undefined. */
function siblingOf(specifier: string): string | undefined {
  const name = /^@portolan\/([^/]+)/.exec(specifier)?.[1];
  return name === 'example-servers' ? 'examples/servers' : name;
}

function doorLaw({ from, specifier, file }: Import): Violation[] {
  const own = home(from);
  if (own === rulesDoor.for && specifier === rulesDoor.specifier) return [];
  if (own === rulesDoor.for && siblingOf(specifier) === 'components')
    return [{ rule: 'door', file: from, says: `${own} takes the pure rules alone: import ${rulesDoor.specifier}` }];
  const deep = /^@portolan\/[^/]+\//.test(specifier);
  const around = file !== undefined && own !== undefined && home(file) !== undefined && home(file) !== own;
  if (!deep && !around) return [];
  return [{ rule: 'door', file: from, says: `${specifier} goes around a package's door; import @portolan/<package>` }];
}

/** What a package imports, it declares: hoisting hides a missing line until someone installs without it. */
function dependencyLaw({ from, specifier }: Import, sources: Sources): Violation[] {
  const own = home(from);
  const wanted = packageOf(specifier);
  if (own === undefined || wanted === undefined) return [];
  const manifest = sources.get(`${own}/package.json`);
  const root = own === 'tools' ? sources.get('package.json') : undefined;
  if (manifest === undefined || [manifest, root].some((text) => declares(text, wanted))) return [];
  return [{ rule: 'dependency', file: from, says: `${wanted} is not among the dependencies of ${own}/package.json` }];
}

function declares(manifest: string | undefined, name: string): boolean {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(manifest ?? '{}');
  return name in dependencies || name in devDependencies;
}

/** Components import the provider's resource classes; gRPC behind that door would come along into every program. */
function providerDoorLaw(imports: readonly Import[]): Violation[] {
  const wire = behindDoor('provider/index.ts', imports).filter(({ specifier }) =>
    /^(@grpc\/|google-protobuf|@pulumi\/pulumi\/proto)/.test(specifier),
  );
  return wire.map(({ from, specifier }) => ({
    rule: 'door',
    file: from,
    says: `${specifier} stands behind provider/index.ts, whose classes know no gRPC`,
  }));
}

/** A rule judges values wherever they come from; an SDK behind its door would come along into whoever asks. */
function rulesDoorLaw(imports: readonly Import[]): Violation[] {
  const sdk = behindDoor(rulesDoor.file, imports).filter(({ specifier }) =>
    /^(@pulumi\/|@portolan\/provider)/.test(specifier),
  );
  return sdk.map(({ from, specifier }) => ({
    rule: 'door',
    file: from,
    says: `${specifier} stands behind ${rulesDoor.file}, whose rules are pure`,
  }));
}

/** Imports of all files that a door leads to, its own among them. */
function behindDoor(door: string, imports: readonly Import[]): readonly Import[] {
  const edges = new Map<string, Set<string>>();
  for (const { from, file } of imports)
    if (file !== undefined) edges.set(from, (edges.get(from) ?? new Set()).add(file));
  const behind = reachable(door, edges).add(door);
  return imports.filter(({ from }) => behind.has(from));
}

/** Higher may import lower. */
const layers: readonly (readonly [RegExp, number, string])[] = [
  [/^gateway\/main\.ts$/, 6, 'main'],
  [/^gateway\/server\.ts$/, 5, 'server'],
  [/^gateway\/routes\//, 4, 'routes'],
  [/^gateway\/pipeline\.ts$/, 3, 'pipeline'],
  [/^gateway\/stages\//, 2, 'stages'],
  [/^gateway\/authenticators\//, 1, 'authenticators'],
  [/^gateway\/adapters\//, 0, 'adapters'],
  [/^gateway\/(stream\/|(context|ports|config[^/]*)\.ts$)/, 0, 'ground'],
];

interface Layer {
  readonly rank: number;
  readonly name: string;
}

function gatewayLaws(imports: readonly Import[]): Violation[] {
  const inside = imports.filter(({ from, file }) => from.startsWith('gateway/') && file?.startsWith('gateway/'));
  return inside.flatMap((one) => gatewayLaw(one, inside));
}

/** A file beside the layers stands as high as what it imports, so that nobody reaches a higher layer through it. */
function layerOf(file: string, inside: readonly Import[], seen: readonly string[] = []): Layer {
  const found = layers.find(([pattern]) => pattern.test(file));
  if (found) return { rank: found[1], name: found[2] };
  if (seen.includes(file)) return { rank: 0, name: file };
  const below = inside
    .filter(({ from }) => from === file)
    .map((one) => layerOf(one.file ?? '', inside, [...seen, file]));
  return { rank: Math.max(0, ...below.map(({ rank }) => rank)), name: file };
}

function gatewayLaw({ from, file = '' }: Import, inside: readonly Import[]): Violation[] {
  const [own, target] = [layerOf(from, inside), layerOf(file, inside)];
  const broken = (says: string): Violation[] => [{ rule: 'gateway', file: from, says: `${file}: ${says}` }];
  if (target.name === 'adapters' && own.name !== 'adapters' && own.name !== 'main')
    return broken('only main imports adapters; import the port');
  if (own.name === 'adapters' && (target.rank > 0 || /^gateway\/(context|config)/.test(file)))
    return broken('adapters import ports and core only');
  if (own.name === 'stages' && target.name === 'stages')
    return broken('no stage imports a stage; what both need lies below');
  if (target.rank > own.rank)
    return broken(`${own.name} may not import ${target.name}: main → server → routes → pipeline → stages → ground`);
  return [];
}

function cycleViolation(files: readonly string[]): Violation {
  return { rule: 'cycle', file: files[0] ?? '', says: `these files import each other: ${files.join(', ')}` };
}

/** One file a kind, and one line a kind in the index; what has no line is what kinds share (the interface). */
function shelfLaw(shelf: string, sources: Sources, imports: readonly Import[]): Violation[] {
  const files = [...sources.keys()].filter(
    (file) => file.startsWith(`${shelf}/`) && isShelved(file.slice(shelf.length + 1)),
  );
  const index = `${shelf}/index.ts`;
  const lines = (sources.get(index) ?? '').split('\n').filter((line) => !/^(import|export) type\b/.test(line));
  const shared = new Set(imports.filter(({ from }) => files.includes(from)).map(({ file }) => file));
  const count = (file: string) => lines.filter((line) => line.includes(`'./${file.slice(shelf.length + 1)}'`)).length;
  const wrong = files.filter((file) => count(file) > 1 || (count(file) === 0 && !shared.has(file)));
  return wrong.map((file) => ({ rule: 'shelf', file, says: `${index} must have exactly one line for it` }));
}

function isShelved(name: string): boolean {
  return /^[^/]+\.ts$/.test(name) && !name.endsWith('.test.ts') && name !== 'index.ts';
}

function lengthLaw(file: string, text: string): Violation[] {
  if (!/\.[cm]?[jt]sx?$/.test(file) || /^\/\/ table\b/m.test(text)) return [];
  const lines = text.trimEnd().split('\n').length;
  return lines <= longestFile
    ? []
    : [{ rule: 'length', file, says: `${lines} lines; at most ${longestFile}, or a pure table marked "// table"` }];
}

function nameLaw(file: string): Violation[] {
  const words = (file.split('/').at(-1) ?? '').split('.')[0]?.split('-') ?? [];
  const empty = words.filter((word) => emptyNames.has(word));
  return empty.length === 0
    ? []
    : [
        {
          rule: 'name',
          file,
          says: `"${empty.join('-')}" says nothing about what it holds; name the verb or the noun`,
        },
      ];
}
