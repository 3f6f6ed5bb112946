/** Every promise has its proof, every attack and every test of a whole federation proves a promise, and every decision names what holds it. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requirements } from './requirements.ts';
import { titlesIn } from './titles.ts';

const root = join(import.meta.dirname, '..');
const titlesOf = (file: string) => titlesIn(existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '');

test('each promise has a name of its own', () => {
  const ids = requirements.map(({ id }) => id);
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
});

test.each(requirements.map((one) => [one.id, one] as const))('%s is proved', (_id, { proofs }) => {
  expect(Object.keys(proofs)).not.toEqual([]);
  expect(Object.entries(proofs).filter(([file, title]) => !titlesOf(file).run.includes(title))).toEqual([]);
});

test('no file of proofs leaves a test out', () => {
  const files = [...new Set(requirements.flatMap(({ proofs }) => Object.keys(proofs)))];
  expect(files.flatMap((file) => titlesOf(file).omissions.map((how) => `${file}: ${how}`))).toEqual([]);
});

const body = '() => {}';
test.each([
  [`test('held', ${body})`, ['held'], []],
  [`describe('all', () => it("held", { timeout: 1 }, async ${body}))`, ['held'], []],
  [`test.each([['a']])('held', ${body}); it.each([1])('too', ${body})`, ['held', 'too'], []],
  [`test.skip('held', ${body})`, [], ['test.skip']],
  [`test.only.each([1])('held', ${body})`, [], ['test.only.each()', 'test.only.each']],
  [`describe.skip('all', () => test('held', ${body}))`, ['held'], ['describe.skip']],
  ["test.todo('held'); test('held')", [], ['test.todo']],
  [`// test('held', ${body})\nconst text = "test('held', ${body})"`, [], []],
  [`test(\`held \${now}\`, ${body}); rows.each('held', ${body})`, [], []],
])('the tests of %s', (text, run, omissions) => {
  expect(titlesIn(text)).toEqual({ run, omissions });
});

test('the pages and headings that promises come from are there', () => {
  const sources = requirements.map(({ source }) => /^([\w/]+\.md)(?: "(.+)")?/.exec(source) ?? []);
  const lost = sources.filter(
    ([, page, heading]) => page && !readFileSync(join(root, page), 'utf8').includes(heading ? `\n## ${heading}\n` : ''),
  );
  expect(lost).toEqual([]);
});

test('each test of test/security and test/federation proves a promise', () => {
  const proofs = new Set(requirements.flatMap((one) => Object.keys(one.proofs)));
  const files = globSync('test/{security,federation}/*.test.ts', { cwd: root });
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter((file) => !proofs.has(file))).toEqual([]);
});

test('docs/attacks.md names files that are there, and every attack of test/security; a connection that is kept is none', () => {
  const rows = readFileSync(join(root, 'docs/attacks.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  const named = rows.flatMap((row) => {
    let folder = '';
    return [...(row.split('|').at(-2) ?? '').matchAll(/`([\w./-]+)`/g)].map(([, file = '']) => {
      if (file.includes('/')) folder = file.slice(0, file.lastIndexOf('/') + 1);
      return `${file.includes('/') ? file : folder + file}.test.ts`;
    });
  });
  expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  const attacks = globSync('test/security/*.test.ts', { cwd: root });
  expect(attacks.filter((file) => !named.includes(file))).toEqual(['test/security/kept-connection.test.ts']);
});

test.each(globSync('docs/decisions/*.md', { cwd: root }))(
  '%s says what it is for, what not, and which promises hold it',
  (file) => {
    const text = readFileSync(join(root, file), 'utf8');
    for (const part of ['**Decision.**', '**Goals.**', '**Non-goals.**', '**Instead of**'])
      expect(text).toContain(part);
    const held = [...(/\nHeld by (.*)\.(?: |\n|$)/.exec(text)?.[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(
      (match) => match[1],
    );
    expect(held).not.toEqual([]);
    expect(held.filter((id) => !requirements.some((one) => one.id === id))).toEqual([]);
  },
);
