import { describe, expect, test } from 'vitest';
import { Counters } from './meter.ts';

const make = (): Counters =>
  new Counters(() => 'aws', {
    portolan_nats_connected: { help: 'x', type: 'gauge', read: () => 1 },
    absent: { help: 'x', type: 'gauge', read: () => undefined },
  });

describe('the meter', () => {
  test('renders what was counted, in the exposition format', () => {
    const meter = make();
    meter.request({ server: 'mcp-m365', user: 'alice', status: 'success' });
    meter.request({ server: 'mcp-m365', user: 'alice', status: 'failed' });
    meter.proxied({ server: 'mcp-m365', from: 'aws', to: 'azure' }, 30);
    meter.proxied({ server: 'mcp-m365', from: 'aws', to: 'azure' }, 99_999);
    meter.hopError({ from: 'aws', to: 'azure', code: 'peer_down' });
    const text = make().render() && meter.render();
    for (const line of [
      'mcp_requests_total{server="mcp-m365",user="alice",gateway="aws"} 2',
      'mcp_proxy_requests_total{server="mcp-m365",from="aws",to="azure"} 2',
      'mcp_proxy_latency_ms_bucket{server="mcp-m365",from="aws",to="azure",le="25"} 0',
      'mcp_proxy_latency_ms_bucket{server="mcp-m365",from="aws",to="azure",le="50"} 1',
      'mcp_proxy_latency_ms_bucket{server="mcp-m365",from="aws",to="azure",le="+Inf"} 2',
      'mcp_proxy_latency_ms_count{server="mcp-m365",from="aws",to="azure"} 2',
      'mcp_gateway_to_gateway_errors{from="aws",to="azure",code="peer_down"} 1',
      'portolan_nats_connected 1',
    ])
      expect(text.split('\n')).toContain(line);
    expect(text).not.toContain('absent');
    expect(meter.counters()['portolan_outcomes_total{status="failed",gateway="aws"}']).toBe(1);
  });

  test('has a bounded number of series, and escapes what a caller wrote', () => {
    const meter = make();
    for (let at = 0; at < 20_000; at += 1) meter.request({ server: `s${at}`, user: 'a"b\\c\nd', status: 'refused' });
    const lines = meter
      .render()
      .split('\n')
      .filter((line) => line.startsWith('mcp_requests_total{'));
    expect(lines.length).toBe(5001);
    expect(lines[0]).toBe('mcp_requests_total{server="s0",user="a\\"b\\\\c\\nd",gateway="aws"} 1');
    expect(lines).toContain('mcp_requests_total{server="_other",user="_other",gateway="aws"} 15000');
  });
});
