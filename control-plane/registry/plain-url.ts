/** URLs that are stored, compared and shown: they may hold nothing secret and nothing that a comparison would trip over. */
import { problem } from '../problem.ts';

/** Throws Problem `invalid_body` for user, password or fragment in a URL; for a query too, where it means nothing. */
export function plainUrl(text: string, allowed: { readonly query: boolean }): void {
  const url = new URL(text);
  const refuse = (what: string) => problem('invalid_body', `url: must hold no ${what}.`, { path: 'url' });
  if (url.username !== '' || url.password !== '')
    throw refuse('user or password: it would be shown to everyone who may read the registry');
  if (url.hash !== '') throw refuse('fragment (#…)');
  if (url.search !== '' && !allowed.query) throw refuse('query (?…)');
}
