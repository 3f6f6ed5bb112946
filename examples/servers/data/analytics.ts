/** Web and sales figures of a company that does not exist. Pure; the same question gets the same answer. */
import { drawFor } from '../draw.ts';

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly typical: number;
  readonly says: string;
}

export const metrics = {
  visits: { unit: 'visits', typical: 48_000, says: 'Sessions on the public site.' },
  orders: { unit: 'orders', typical: 1_150, says: 'Orders placed, cancelled ones included.' },
  revenue: { unit: 'EUR', typical: 86_000, says: 'Gross revenue of the orders of a day.' },
  error_rate: { unit: 'per mille', typical: 4, says: 'Requests answered with 5xx, of a thousand.' },
} as const;

export type MetricName = keyof typeof metrics;

export const metricNames = Object.keys(metrics) as [MetricName, ...MetricName[]];

const pages = ['/', '/products', '/products/lamp', '/cart', '/checkout', '/help/returns', '/careers', '/blog/harbours'];

/** The days from `from` to `to`, both included, as YYYY-MM-DD. */
export function daysBetween(from: string, to: string): string[] {
  const first = Date.parse(from);
  const count = Math.floor((Date.parse(to) - first) / 86_400_000) + 1;
  return Array.from({ length: Math.max(0, count) }, (_, day) =>
    new Date(first + day * 86_400_000).toISOString().slice(0, 10),
  );
}

/** Around the metric's typical value, a third less at weekends. */
export function valueOn(metric: MetricName, day: string): number {
  const weekend = [0, 6].includes(new Date(day).getUTCDay());
  const percent = 80 + drawFor(`${metric}/${day}`)(41) - (weekend ? 33 : 0);
  return Math.round((metrics[metric].typical * percent) / 100);
}

/** The busiest pages of a day, most views first. */
export function topPages(day: string, limit: number) {
  const counted = pages.map((path, rank) => ({
    path,
    views: Math.round(20_000 / (rank + 1)) + drawFor(day + path)(900),
  }));
  return counted.sort((a, b) => b.views - a.views).slice(0, limit);
}
