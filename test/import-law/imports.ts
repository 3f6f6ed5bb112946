// What a source file imports: literal specifiers of import, export … from, import() and require, types included. A cycle
// of types alone is a cycle too: two files that cannot be understood apart.

import { dirname, join, normalize } from 'node:path/posix';
import ts from 'typescript';

export interface Import {
  readonly from: string;
  readonly specifier: string;
  /** Path of the imported file in the checkout; undefined for packages and built-in modules. */
  readonly file?: string;
}

/** A checkout as the law sees it: path (with "/", relative to its root) → text. */
export type Sources = ReadonlyMap<string, string>;

export function importsOf(sources: Sources): readonly Import[] {
  return [...sources].filter(([path]) => /\.[cm]?[jt]sx?$/.test(path)).flatMap(([path, text]) => importsIn(path, text));
}

function importsIn(path: string, text: string): Import[] {
  const { importedFiles } = ts.preProcessFile(text, true, true);
  return importedFiles.map(({ fileName }) => {
    const isRelative = fileName.startsWith('.');
    return { from: path, specifier: fileName, ...(isRelative && { file: normalize(join(dirname(path), fileName)) }) };
  });
}

/** The npm package of a bare specifier, or undefined for node: and relative ones. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
  const [scope, name] = specifier.split('/');
  return specifier.startsWith('@') ? `${scope}/${name}` : scope;
}

/** Files on import cycles, one list a cycle (each strongly connected part), first in alphabetical order. */
export function cycles(imports: readonly Import[]): readonly (readonly string[])[] {
  const edges = new Map<string, Set<string>>();
  for (const { from, file } of imports)
    if (file !== undefined) edges.set(from, (edges.get(from) ?? new Set()).add(file));
  const reach = new Map([...edges.keys()].map((file) => [file, reachable(file, edges)]));
  const onCycle = [...reach.keys()].filter((file) => reach.get(file)?.has(file)).sort();
  const parts = onCycle.map((file) =>
    onCycle.filter((other) => other === file || (reach.get(file)?.has(other) && reach.get(other)?.has(file))),
  );
  return parts.filter((part, at) => part[0] === onCycle[at]);
}

/** Everything that `start` leads to; itself only by a cycle. */
export function reachable(start: string, edges: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const seen = new Set<string>();
  const waiting = [start];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const next of edges.get(file) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push(next);
    }
  }
  return seen;
}
