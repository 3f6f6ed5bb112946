/** A series in Prometheus' text form, read and written strictly: what does not parse is no series. */

export interface Series {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
}

const SERIES = /^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{(.*)\})?$/s;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/sy;

/** `name{a="b",c="d"}`. Label values stay escaped as they came. */
export function parseSeries(text: string): Series | undefined {
  const match = SERIES.exec(text);
  if (!match) return undefined;
  const [, name = '', inside = ''] = match;
  const labels = new Map<string, string>();
  const label = new RegExp(LABEL);
  while (label.lastIndex < inside.length) {
    const found = label.exec(inside);
    if (!found) return undefined;
    const [, key = '', value = ''] = found;
    labels.set(key, value);
  }
  return { name, labels };
}

export function seriesText({ name, labels }: Series): string {
  if (labels.size === 0) return name;
  const inside = [...labels].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}="${value}"`);
  return `${name}{${inside.join(',')}}`;
}
