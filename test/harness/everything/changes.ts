/** Tells every open stream, of both eras, that a list or a resource has changed. Set up once, before the first request. */
import type { ServerNotifier } from '@modelcontextprotocol/server';
import type { LegacySessions } from './legacy-sessions.ts';

interface Audience {
  readonly modern: ServerNotifier;
  readonly legacy: LegacySessions;
}

export class Changes {
  #audience: Audience | undefined;

  reach(audience: Audience): void {
    this.#audience = audience;
  }

  tools(): void {
    this.#audience?.modern.toolsChanged();
    this.#audience?.legacy.each((server) => server.sendToolListChanged());
  }

  prompts(): void {
    this.#audience?.modern.promptsChanged();
    this.#audience?.legacy.each((server) => server.sendPromptListChanged());
  }

  resource(uri: string): void {
    this.#audience?.modern.resourceUpdated(uri);
    this.#audience?.legacy.each(
      (server) => void server.server.sendResourceUpdated({ uri }).catch(() => undefined),
      uri,
    );
  }
}
