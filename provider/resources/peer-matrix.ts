/** `PeerMatrix`: which gateways may call each other. One a federation; pairs and their order mean nothing, so both are sorted. */
import { api } from '@portolan/core';
import { define } from '../kind.ts';
import { entry } from '../registry/index.ts';
import type { Properties } from '../wire.ts';

export const peerMatrixKind = define(
  entry({
    type: 'portolan:registry:PeerMatrix',
    body: api.PeerMatrixBody,
    extra: {},
    replaceOn: [],
    computes: [],
    idOf: () => 'peer-matrix',
    path: () => '/peer-matrix',
    canonical: ({ pairs, ...rest }) => ({ ...rest, ...(pairs === undefined ? {} : { pairs: sorted(pairs) }) }),
  }),
);

function sorted(pairs: unknown): Properties[string] {
  if (!Array.isArray(pairs)) return pairs;
  const inOrder = pairs.map((pair) => (Array.isArray(pair) ? [...pair].sort() : pair));
  return inOrder.sort((left, right) => (String(left) < String(right) ? -1 : 1));
}
