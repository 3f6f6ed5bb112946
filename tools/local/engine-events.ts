// What the engine's events (apitype.EngineEvent, one JSON object a line) mean to a person. Pure.

export type EngineNews =
  | { readonly kind: 'step'; readonly line: string; readonly change: Change | 'failed' }
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'error'; readonly text: string };

export type Change = 'created' | 'updated' | 'replaced' | 'removed';

/** Steps that people are told of. A replacement is several; the one that makes the new resource stands for all. */
const steps: Readonly<Record<string, { readonly sign: string; readonly change: Change }>> = {
  create: { sign: '+', change: 'created' },
  update: { sign: '~', change: 'updated' },
  'create-replacement': { sign: '±', change: 'replaced' },
  delete: { sign: '-', change: 'removed' },
};

/** Empty: nothing to tell. */
export function readEvent(line: string): readonly EngineNews[] {
  const event = parse(line);
  return [stepNews(event), userNews(event), errorNews(event), policyNews(event)].filter((news) => news !== undefined);
}

interface Event {
  readonly resOutputsEvent?: { readonly metadata: Metadata };
  readonly resOpFailedEvent?: { readonly metadata: Metadata };
  readonly policyEvent?: { readonly policyName: string; readonly message: string; readonly enforcementLevel: string };
  readonly diagnosticEvent?: { readonly severity: string; readonly message: string; readonly urn?: string };
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
  const step = steps[metadata.op];
  if (step === undefined) return undefined;
  const line = `${step.sign} ${nameOf(metadata.urn)} (${metadata.type.split(':').at(-1)})`;
  return resOpFailedEvent
    ? { kind: 'step', line: `${line} failed`, change: 'failed' }
    : { kind: 'step', line, change: step.change };
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
  const name = urn === undefined || urn.includes('pulumi:pulumi:Stack') ? '' : nameOf(urn);
  return { kind: 'error', text: message.includes(name) ? message : `${name}: ${message}` };
}

/** A rule of the policy pack that was broken. What is only advised is in the engine's own output. */
function policyNews({ policyEvent }: Event): EngineNews | undefined {
  if (policyEvent?.enforcementLevel !== 'mandatory') return undefined;
  const message = policyEvent.message.replace(/<\{%\w+%\}>/g, '').trim(); // the engine's marks of colour
  return { kind: 'error', text: `Policy ${policyEvent.policyName}: ${message}` };
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
