/** The pages tell the truth: generated ones match the code, every dependency has its line, every link of the README leads somewhere, its program compiles. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pages } from './pages.ts';
import { insert, snippetUnder, typeErrors } from './readme-snippet.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

test.each([...pages()])('docs/%s is what `npm run docs` writes', (name, text) => {
  expect(read(`docs/${name}`)).toBe(text);
});

test('docs/dependencies.md has a line for every dependency, and no other', () => {
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
  const names = ['.', ...workspaces].flatMap((folder) => {
    const manifest = JSON.parse(read(`${folder}/package.json`)) as Record<string, Record<string, string> | undefined>;
    return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
      Object.entries(manifest[kind] ?? {}),
    );
  });
  const page = read('docs/dependencies.md');
  const outside = names.filter(([name]) => !name.startsWith('@portolan/'));
  for (const [name, version] of outside) {
    expect(version, `${name} is pinned exactly`).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    expect(page, `docs/dependencies.md names ${name}`).toContain(`\`${name}\``);
  }
  const known = new Set(outside.map(([name]) => name));
  const first = [...page.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell]) =>
    [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]),
  );
  expect(first.filter((name) => name !== undefined && !known.has(name))).toEqual([]);
});

test.each(['README.md', 'docs/architecture.md', 'docs/clients.md'])('the links of %s lead somewhere', (page) => {
  const targets = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? '');
  const folder = page.includes('/') ? 'docs' : '.';
  expect(targets.filter((target) => !existsSync(join(root, folder, target)))).toEqual([]);
});

test('the README names each example server with the gateway that reaches it', () => {
  const servers = [...read('stacks/local.ts').matchAll(/example\('([^']+)', (\w+),/g)];
  expect(servers).toHaveLength(5);
  for (const [, server, gateway] of servers) expect(read('README.md')).toContain(`| \`${server}\` | \`${gateway}\` |`);
});

test('the program of README "Add a server" compiles, and without its import it does not', () => {
  const path = join(root, 'stacks', 'local.ts');
  const snippet = snippetUnder(read('README.md'), 'Add a server');
  expect(typeErrors(root, path, insert(read('stacks/local.ts'), snippet))).toEqual([]);
  const forgetful = insert(read('stacks/local.ts'), { ...snippet, imports: [] });
  expect(typeErrors(root, path, forgetful).join('\n')).toContain("Cannot find name 'McpServer'");
}, 120_000);
