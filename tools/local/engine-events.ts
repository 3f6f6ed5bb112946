// What the engine's events (apitype.EngineEvent, one JSON object a line) mean to a person. Pure.

export type EngineNews =
  | { readonly kind: 'step'; readonly line: string }
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'summary'; readonly changes: Readonly<Record<string, number>> };

const signs: Readonly<Record<string, string>> = {
  create: '+',
  update: '~',
  delete: '-',
  replace: '±',
  'create-replacement': '±',
  'delete-replaced': '-',
};

/** Steps that leave the world as it is. */
const quiet = new Set(['same', 'refresh', 'read']);

/** Empty: nothing to tell. */
export function readEvent(line: string): readonly EngineNews[] {
  const event = parse(line);
  return [stepNews(event), userNews(event), errorNews(event), summaryNews(event)].filter((news) => news !== undefined);
}

interface Event {
  readonly resOutputsEvent?: { readonly metadata: Metadata };
  readonly resOpFailedEvent?: { readonly metadata: Metadata };
  readonly diagnosticEvent?: { readonly severity: string; readonly message: string; readonly urn?: string };
  readonly summaryEvent?: { readonly resourceChanges?: Readonly<Record<string, number>> };
}

interface Metadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  /** Empty for components, which are no more than their children. */
  readonly provider: string;
  /** What it is after the step; absent after a delete. */
  readonly new?: { readonly inputs?: { readonly name?: unknown } } | null;
}

function stepNews({ resOutputsEvent, resOpFailedEvent }: Event): EngineNews | undefined {
  const metadata = (resOutputsEvent ?? resOpFailedEvent)?.metadata;
  if (metadata === undefined || metadata.provider === '' || metadata.type.startsWith('pulumi:')) return undefined;
  const sign = signs[metadata.op];
  if (sign === undefined) return undefined;
  const name = nameOf(metadata.urn);
  return {
    kind: 'step',
    line: `${sign} ${name} (${metadata.type.split(':').at(-1)})${resOpFailedEvent ? ' failed' : ''}`,
  };
}

/** Users whom the program declares, changed or not: they get tokens. Those that were added over the API do not. */
function userNews({ resOutputsEvent }: Event): EngineNews | undefined {
  const metadata = resOutputsEvent?.metadata;
  if (metadata?.type !== 'portolan:registry:User' || metadata.op === 'refresh') return undefined;
  const name = metadata.new?.inputs?.name;
  return typeof name === 'string' ? { kind: 'user', name } : undefined;
}

function errorNews({ diagnosticEvent }: Event): EngineNews | undefined {
  if (diagnosticEvent?.severity !== 'error') return undefined;
  const { urn, message } = diagnosticEvent;
  const isStack = urn === undefined || urn === '' || urn.includes('pulumi:pulumi:Stack');
  return { kind: 'error', text: isStack ? message : `${nameOf(urn)}: ${message}` };
}

function summaryNews({ summaryEvent }: Event): EngineNews | undefined {
  if (summaryEvent === undefined) return undefined;
  const all = Object.entries(summaryEvent.resourceChanges ?? {});
  return { kind: 'summary', changes: Object.fromEntries(all.filter(([op, count]) => !quiet.has(op) && count > 0)) };
}

function nameOf(urn: string): string {
  return urn.split('::').at(-1) ?? urn;
}

function parse(line: string): Event {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}
