/**
 * Drift of what is ours: the applied inputs, with the live object's values in their places. What the server adds is not
 * ours and does not show; what it merely writes in another way is no drift. Pure.
 */
import type { Properties } from '../../../../provider/wire.ts';

/** What inputs would lead to the live object, as far as inputs speak of it. */
export function liveInputs(inputs: Properties, live: Properties): Properties {
  const { stringData, ...rest } = inputs;
  const seen = project(rest, live, '') as Properties;
  if (!isRecord(stringData)) return seen;
  // write-only: the server keeps it, encoded, in `data`
  const data = isRecord(live.data) ? live.data : {};
  const decoded = Object.keys(stringData)
    .filter((key) => typeof data[key] === 'string')
    .map((key) => [key, Buffer.from(String(data[key]), 'base64').toString('utf8')]);
  return { ...seen, stringData: Object.fromEntries(decoded) };
}

function project(mine: unknown, live: unknown, path: string): unknown {
  if (live === undefined || live === null) return isEmpty(mine) ? mine : undefined;
  if (Array.isArray(mine) && Array.isArray(live)) return projectList(mine, live, path);
  if (isRecord(mine) && isRecord(live)) {
    const entries = Object.entries(mine).map(([key, value]) => [key, project(value, live[key], `${path}.${key}`)]);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }
  return sameAmount(mine, live, path) ? mine : live;
}

/** Items belong together by what names each of them, as the server's merge keys do; else by their place. */
function projectList(mine: readonly unknown[], live: readonly unknown[], path: string): unknown[] {
  const key = ['name', 'key', 'type', 'mountPath', 'containerPort'].find((one) => names(one, mine) && names(one, live));
  if (key === undefined) {
    if (mine.length !== live.length) return [...live];
    return mine.map((item, at) => project(item, live[at], `${path}[]`));
  }
  return mine.flatMap((item) => {
    const same = live.find((one) => (one as Properties)[key] === (item as Properties)[key]);
    return same === undefined ? [] : [project(item, same, `${path}[]`)];
  });
}

/** Every item has it, and no two the same: a volume that is mounted twice is not named by its name. */
function names(key: string, items: readonly unknown[]): boolean {
  const found = items.map((item) => (isRecord(item) ? item[key] : undefined));
  return !found.includes(undefined) && new Set(found).size === items.length;
}

/** The server drops what is empty or the zero of its type. */
function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isEmpty);
  return [undefined, null, '', 0, false].includes(value as null);
}

/** `1000m` and `1`, `1024Mi` and `1Gi` where quantities stand. */
function sameAmount(mine: unknown, live: unknown, path: string): boolean {
  if (!/\.(requests|limits|capacity|hard|sizeLimit|divisor|allocatable)(\.|$)/.test(path)) return false;
  const [left, right] = [amount(mine), amount(live)];
  return left !== undefined && left === right;
}

const units: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

function amount(value: unknown): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(String(value)) ?? [];
  const factor = units[unit];
  return digits === undefined || factor === undefined ? undefined : Number((Number(digits) * factor).toPrecision(12));
}

const isRecord = (value: unknown): value is Properties =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
