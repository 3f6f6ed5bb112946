/** The tests of a file, read from its syntax: a comment, or a string that looks like a test, is none. */
import ts from 'typescript';

export interface Titles {
  /** Of tests that run wherever the file does: `test('title', …)`, `it(…)`, and `.each(rows)('title', …)` of either. */
  readonly run: readonly string[];
  /** What leaves tests out, as it is written: `test.skip`, `describe.only`. */
  readonly omissions: readonly string[];
}

const makers = new Set(['test', 'it']);
const omitting = new Set(['skip', 'todo', 'only']);

export function titlesIn(text: string): Titles {
  const calls = callsIn(ts.createSourceFile('a.test.ts', text, ts.ScriptTarget.Latest));
  return {
    run: calls.filter(isTest).flatMap(([, title]) => (title && ts.isStringLiteralLike(title) ? [title.text] : [])),
    omissions: calls.map(([name]) => name).filter((name) => name.split('.').some((word) => omitting.has(word))),
  };
}

/** Callee and arguments of a call; a callee is its words with dots between, and `()` for each call within. */
type Call = readonly [callee: string, ...args: readonly ts.Expression[]];

/** A test without a body is one that is still to be written. */
const isTest = ([callee, , ...rest]: Call): boolean => rest.length > 0 && makers.has(callee.replace(/\.each\(\)$/, ''));

function callsIn(node: ts.Node): Call[] {
  const inside: Call[] = [];
  ts.forEachChild(node, (child) => void inside.push(...callsIn(child)));
  return ts.isCallExpression(node) ? [[nameOf(node.expression), ...node.arguments], ...inside] : inside;
}

function nameOf(callee: ts.Expression): string {
  if (ts.isIdentifier(callee)) return callee.text;
  if (ts.isPropertyAccessExpression(callee)) return `${nameOf(callee.expression)}.${callee.name.text}`;
  return ts.isCallExpression(callee) ? `${nameOf(callee.expression)}()` : '';
}
