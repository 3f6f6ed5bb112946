// What flows promise by themselves; that their rules let exactly them through is tested where they are rendered.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { controlPlaneFlows, type Flow, federationFlows, flowFaults, gatewayFlows, pairFlows } from './index.ts';
import { federations, planesOf } from './test/federations.ts';

const namespacesOf = (flows: readonly Flow[]) =>
  new Set(flows.flatMap(({ from, to }) => [from, to]).flatMap((end) => (end.kind === 'plane' ? [end.namespace] : [])));

test('rules of a plane name that plane, its control plane and nobody else, so that they make no cycle', () => {
  fc.assert(
    fc.property(federations(2), ({ control, gateways }) => {
      expect(namespacesOf(controlPlaneFlows(control))).toEqual(new Set([control.namespace]));
      for (const gateway of gateways)
        expect(namespacesOf(gatewayFlows(gateway, control))).toEqual(new Set([gateway.namespace, control.namespace]));
      const [first, second] = [gateways[0] as (typeof gateways)[0], gateways[1] as (typeof gateways)[0]];
      expect(namespacesOf(pairFlows(first, second))).toEqual(new Set([first.namespace, second.namespace]));
    }),
  );
});

test('a pair is symmetric: the same flows whoever is named first, one each way', () => {
  fc.assert(
    fc.property(federations(2), ({ gateways }) => {
      const [first, second] = [gateways[0] as (typeof gateways)[0], gateways[1] as (typeof gateways)[0]];
      const byId = (flows: readonly Flow[]) => [...flows].sort((one, other) => one.id.localeCompare(other.id));
      expect(byId(pairFlows(first, second))).toEqual(byId(pairFlows(second, first)));
      const [there, back] = pairFlows(first, second);
      expect([there?.from.says, there?.to.says]).toEqual([back?.to.says, back?.from.says]);
      expect(there?.ports.map(({ port, dialledPort }) => [port, dialledPort])).toEqual([[8443, 443]]);
    }),
  );
});

test('every flow has an id of its own and one sentence of reason', () => {
  fc.assert(
    fc.property(federations(), (federation) => {
      const flows = federationFlows(federation.control, federation.gateways);
      expect(new Set(flows.map(({ id }) => id)).size).toBe(flows.length);
      for (const { reason } of flows) expect(reason).toMatch(/^[A-Z][^.]+\.$|^[A-Z].*; .*\.$|^[A-Z].*\)\.$|^Whoever /);
      expect(flowFaults(planesOf(federation))).toEqual([]);
    }),
  );
});

test('gateways of one cluster dial each other’s Service, others the URL', () => {
  fc.assert(
    fc.property(federations(2), ({ gateways }) => {
      const [first, second] = [gateways[0] as (typeof gateways)[0], gateways[1] as (typeof gateways)[0]];
      const near = first.site === second.site;
      expect(pairFlows(first, second)[0]?.dials).toBe(
        near ? second.endpointOverride : `${second.name}.example.com:443`,
      );
    }),
  );
});
