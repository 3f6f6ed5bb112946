// What the engine's events (apitype.EngineEvent, one JSON object a line) mean to a person. Pure.

export type EngineNews =
  | { readonly kind: 'step'; readonly line: string }
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

/** undefined: nothing to tell. */
export function readEvent(line: string): EngineNews | undefined {
  const event = parse(line);
  return stepNews(event) ?? errorNews(event) ?? summaryNews(event);
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
