/**
 * A crossing that is open at one end alone is either a hole (traffic that the matrix does not know) or an outage that shows at
 * the first call. So the peer matrix and the NetworkPolicies of its gateways say the same, at both ends.
 *
 * Decidable from manifests are rules between gateways that name the other end: by selectors (one cluster), or by the label
 * `portolan.dev/peer: <plane>` on a policy that is for that peer alone (addresses of another cluster). Where a pair has no such
 * rules, each end must at least have a way out and a way in by address.
 */
import { at, type Declared, list, notYetKnown, text, type Violation, violation } from './declared.ts';
import {
  concerns,
  type Direction,
  isAll,
  type NetworkPolicy,
  networkPolicyOf,
  rulesOf,
  type TrafficRule,
} from './network-policies.ts';

export const rule = 'symmetric-matrix';

export const peerMark = 'portolan.dev/peer';

const nameLabel = 'app.kubernetes.io/name';
const planeLabel = 'app.kubernetes.io/instance';

/** Public port, and the pod's after translation. */
const doors = new Set<unknown>([443, 8443, 'tls', notYetKnown]);

interface Pair {
  readonly matrix: Declared;
  readonly path: string;
  readonly planes: readonly [string, string];
}

/** A NetworkPolicy of a gateway. */
interface Guard {
  readonly plane: string;
  readonly policy: NetworkPolicy;
}

/** That a policy at one end lets `from` call `to`. */
interface Opening {
  readonly from: string;
  readonly to: string;
  readonly direction: Direction;
  readonly guard: Guard;
  readonly path: string;
}

export function symmetricMatrix(resources: readonly Declared[]): readonly Violation[] {
  const matrices = resources.filter(({ type }) => type === 'portolan:registry:PeerMatrix');
  const pairs = matrices.flatMap(pairsOf);
  const guards = resources.flatMap(guardsOf);
  const openings = guards.flatMap(openingsOf);
  return [
    ...matrices.flatMap(malformed),
    ...pairs.flatMap((pair) => closedEnds(pair, guards, openings)),
    ...openings.flatMap((opening) => unpaired(opening, matrices, pairs, guards, openings)),
  ];
}

function pairsOf(matrix: Declared): readonly Pair[] {
  return list(at(matrix.props, 'pairs')).flatMap((pair, index): Pair[] => {
    const [first, second] = list(pair);
    if (typeof first !== 'string' || typeof second !== 'string') return [];
    return [{ matrix, path: `pairs[${index}]`, planes: [first, second] }];
  });
}

/** Pairs that say nothing, or say it twice. */
function malformed(matrix: Declared): readonly Violation[] {
  const seen = new Set<string>();
  return list(at(matrix.props, 'pairs')).flatMap((pair, index) => {
    if (pair === notYetKnown || list(pair).includes(notYetKnown)) return [];
    const names = list(pair);
    const key = JSON.stringify([...names].sort());
    const isFirst = !seen.has(key);
    seen.add(key);
    if (isFirst && names.length === 2 && names[0] !== names[1]) return [];
    const expected = 'two different gateways, each pair once: a pair is allowed both ways';
    return [violation(rule, matrix, { path: `pairs[${index}]`, expected, remedy: 'Name each pair once.' })];
  });
}

function guardsOf(resource: Declared): readonly Guard[] {
  const policy = networkPolicyOf(resource);
  const plane = policy && gatewayNamed(at(policy.spec, 'podSelector'));
  return policy === undefined || plane === undefined ? [] : [{ plane, policy }];
}

/** The plane whose gateway a pod selector names. */
function gatewayNamed(selector: unknown): string | undefined {
  const labels = at(selector, 'matchLabels');
  return at(labels, nameLabel) === 'gateway' ? text(at(labels, planeLabel)) : undefined;
}

function openingsOf(guard: Guard): readonly Opening[] {
  const { resource } = guard.policy;
  const mark = ['labels', 'annotations']
    .map((where) => text(at(resource.props, 'metadata', where, peerMark)))
    .find(Boolean);
  return (['Ingress', 'Egress'] as const)
    .filter((direction) => concerns(guard.policy, direction))
    .flatMap((direction) =>
      rulesOf(guard.policy, direction)
        .filter(reachesDoor)
        .flatMap(({ path, peers }) => {
          const named = list(peers).map((peer) => gatewayNamed(at(peer, 'podSelector')));
          const others = new Set([mark, ...named].filter((other) => other !== undefined && other !== guard.plane));
          return [...others].map((other) => opening(guard, direction, other ?? '', path));
        }),
    );
}

function opening(guard: Guard, direction: Direction, other: string, path: string): Opening {
  const [from, to] = direction === 'Egress' ? [guard.plane, other] : [other, guard.plane];
  return { from, to, direction, guard, path };
}

function reachesDoor({ ports }: TrafficRule): boolean {
  if (isAll(ports) || ports === notYetKnown) return true;
  return list(ports).some((one) => {
    const [port, end] = [at(one, 'port'), at(one, 'endPort')];
    if (port === undefined || doors.has(port)) return true;
    return (
      typeof port === 'number' && typeof end === 'number' && [443, 8443].some((door) => port <= door && door <= end)
    );
  });
}

const ways = (first: string, second: string) =>
  [
    [first, second, 'Egress'],
    [first, second, 'Ingress'],
    [second, first, 'Egress'],
    [second, first, 'Ingress'],
  ] as const;

/** Ends of a pair that are shut although both gateways have policies here. */
function closedEnds(pair: Pair, guards: readonly Guard[], openings: readonly Opening[]): readonly Violation[] {
  const [first, second] = pair.planes;
  if (first === second || !knows(guards, first) || !knows(guards, second)) return [];
  const named = openings.filter(({ from, to }) => [from, to].every((plane) => pair.planes.includes(plane)));
  return ways(first, second)
    .filter(([from, to, direction]) => {
      const here = direction === 'Egress' ? from : to;
      if (named.length === 0) return !hasAddressRule(guards, here, direction);
      return !named.some((one) => one.from === from && one.to === to && one.direction === direction);
    })
    .map(([from, to, direction]) => {
      const [here, says] = direction === 'Egress' ? [from, `let it call ${to}`] : [to, `admit ${from}`];
      return violation(rule, pair.matrix, {
        path: pair.path,
        expected: `a NetworkPolicy of gateway ${here} to ${says} on its TLS port, as ${first} and ${second} are peers`,
        remedy: 'Declare both gateways in one Mesh, which renders both ends; or take the pair out of the matrix.',
      });
    });
}

/** Whether all policies of a plane can be read: with an unknown one nothing can be said to be missing. */
function knows(guards: readonly Guard[], plane: string): boolean {
  const own = guards.filter((guard) => guard.plane === plane);
  const unknown = own.some(({ policy }) =>
    (['ingress', 'egress'] as const).some(
      (key) => at(policy.spec, key) === notYetKnown || list(at(policy.spec, key)).includes(notYetKnown),
    ),
  );
  return own.length > 0 && !unknown;
}

function hasAddressRule(guards: readonly Guard[], plane: string, direction: Direction): boolean {
  return guards
    .filter((guard) => guard.plane === plane && concerns(guard.policy, direction))
    .flatMap(({ policy }) => rulesOf(policy, direction))
    .some(
      (one) =>
        reachesDoor(one) &&
        (one.peers === notYetKnown ||
          isAll(one.peers) ||
          list(one.peers).some((peer) => at(peer, 'ipBlock') !== undefined)),
    );
}

/** Openings that the matrix does not know; without a matrix in the program, openings that the other end does not know. */
function unpaired(
  one: Opening,
  matrices: readonly Declared[],
  pairs: readonly Pair[],
  guards: readonly Guard[],
  openings: readonly Opening[],
): readonly Violation[] {
  const { from, to, direction, guard, path } = one;
  if (matrices.some(({ props }) => hasUnknownPairs(props))) return [];
  const paired = pairs.some(({ planes }) => planes.includes(from) && planes.includes(to));
  const say = (expected: string, remedy: string) => [
    violation(rule, guard.policy.resource, { path, expected, remedy }),
  ];
  if (matrices.length > 0)
    return paired
      ? []
      : say(`${from} and ${to} to be a pair of the peer matrix`, 'Add both to one Mesh, or remove the rule.');
  const other = direction === 'Egress' ? to : from;
  const answered = openings.some((two) => two.from === from && two.to === to && two.direction !== direction);
  if (answered || !knows(guards, other)) return [];
  return say(`gateway ${other} to have the other end of the rule`, 'Declare the rule at both gateways, or at neither.');
}

function hasUnknownPairs(props: unknown): boolean {
  const pairs = at(props, 'pairs');
  return pairs === notYetKnown || list(pairs).some((pair) => pair === notYetKnown || list(pair).includes(notYetKnown));
}
