/** Sums that only rise, and a gateway that speaks for itself alone. */
import { expect, test } from 'vitest';
import { FederationCounters } from './federation-counters.ts';
import { parseSeries, seriesText } from './series.ts';

const requests = (gateway: string, server: string) =>
  `mcp_requests_total{server="${server}",user="alice",gateway="${gateway}"}`;
const line = (text: string, start: string): string | undefined => text.split('\n').find((one) => one.startsWith(start));

test('each gateway by itself, and the sum over gateways and replicas', () => {
  const counters = new FederationCounters();
  counters.report('aws', { replica: 'a', counters: { [requests('aws', 'm')]: 3 } });
  counters.report('aws', { replica: 'b', counters: { [requests('aws', 'm')]: 4 } });
  counters.report('gcp', { replica: 'c', counters: { [requests('gcp', 'm')]: 10 } });
  const text = counters.render();
  expect(text).toContain('mcp_requests_total{gateway="aws",server="m",user="alice"} 7\n');
  expect(text).toContain('mcp_requests_total{gateway="gcp",server="m",user="alice"} 10\n');
  expect(text).toContain('federation:mcp_requests_total{server="m",user="alice"} 17\n');
});

test('a replica that starts anew goes on where it was', () => {
  const counters = new FederationCounters();
  for (const value of [5, 9, 2, 4]) counters.report('aws', { replica: 'a', counters: { x_total: value } });
  expect(line(counters.render(), 'x_total{gateway="aws"}')).toBe('x_total{gateway="aws"} 13');
});

test('a gateway that speaks for another is heard as itself', () => {
  const counters = new FederationCounters();
  counters.report('evil', { replica: 'a', counters: { [requests('aws', 'm')]: 1_000 } });
  expect(counters.render()).not.toContain('gateway="aws"');
});

test('what is no series is dropped and counted; nothing is injected', () => {
  const counters = new FederationCounters();
  const bad = [
    'x_total{a="b"}\ny_total 7',
    'x total',
    '{a="b"}',
    'x_total{a=b}',
    'x_total{a="b" c="d"}',
    'x_total{a="b\n"}',
    'x_total{a="\\x"}',
  ];
  counters.report('aws', { replica: 'a', counters: Object.fromEntries(bad.map((key) => [key, 1])) });
  const text = counters.render();
  expect(text).not.toContain('x_total');
  expect(line(text, 'portolan_reported_series_dropped_total')).toBe(
    `portolan_reported_series_dropped_total ${bad.length}`,
  );
});

test('memory is bounded', () => {
  const counters = new FederationCounters();
  const many = Object.fromEntries(Array.from({ length: 25_000 }, (_, i) => [`x_total{i="${i}"}`, 1]));
  counters.report('aws', { replica: 'a', counters: many });
  for (let i = 0; i < 200; i += 1) counters.report('aws', { replica: `r${i}`, counters: { x_total: 1 } });
  expect(
    counters
      .render()
      .split('\n')
      .filter((one) => one.startsWith('x_total')).length,
  ).toBeLessThanOrEqual(20_001);
});

test('replicas that are gone stay in the sum, however many come after them', () => {
  const counters = new FederationCounters();
  for (let i = 0; i < 500; i += 1) {
    counters.report('aws', { replica: `r${i}`, counters: { x_total: 1 } });
    counters.report('aws', { replica: 'stays', counters: { x_total: i } });
  }
  expect(line(counters.render(), 'x_total')).toBe('x_total{gateway="aws"} 999');
});

test('a histogram is one family', () => {
  const counters = new FederationCounters();
  const samples = {
    'mcp_proxy_latency_ms_bucket{le="5"}': 1,
    'mcp_proxy_latency_ms_bucket{le="+Inf"}': 2,
    mcp_proxy_latency_ms_sum: 30,
    mcp_proxy_latency_ms_count: 2,
  };
  counters.report('aws', { replica: 'a', counters: samples });
  const text = counters.render();
  expect(text.match(/^# TYPE mcp_proxy_latency_ms .*/gm)).toEqual(['# TYPE mcp_proxy_latency_ms histogram']);
  expect(text.match(/^# TYPE federation:mcp_proxy_latency_ms .*/gm)).toEqual([
    '# TYPE federation:mcp_proxy_latency_ms histogram',
  ]);
});

test('series are read as they are written', () => {
  for (const text of ['x', 'x{a="b"}', 'x{a="b\\"c",d="\\\\"}', 'x{a="{}=,"}']) {
    const series = parseSeries(text);
    expect(series && seriesText(series)).toBe(text);
  }
});
