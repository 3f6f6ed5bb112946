/**
 * A crossing that is open at one end alone is either a hole (traffic that the matrix does not know) or an outage that shows at
 * the first call. So the peer matrix and the NetworkPolicies of its gateways say the same, at both ends.
 *
 * Decidable from manifests are rules that name the other gateway: by selectors (one cluster), or by the name of the policy,
 * `calls.<caller>.<called>.in` or `.out`, which is what our flows are called (addresses of another cluster). Where a pair has no
 * such rules, each end must at least have a way out and a way in by address. Ends that run elsewhere are not judged.
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
import { podsOf } from './pods.ts';

export const rule = 'symmetric-matrix';

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
  /** The other end and the direction that its name speaks of. */
  readonly speaksOf?: { readonly other: string; readonly direction: Direction } | undefined;
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
  const here = new Set([...guards.map(({ plane }) => plane), ...resources.flatMap(gatewaysIn)]);
  return [
    ...matrices.flatMap(malformed),
    ...pairs.flatMap((pair) => closedEnds(pair, here, guards, openings)),
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

/** `calls.aws.azure.out`: the end at aws of calls from aws to azure. */
const callsName = /^calls\.([^.]+)\.([^.]+)\.(in|out)$/;

function guardsOf(resource: Declared): readonly Guard[] {
  const policy = networkPolicyOf(resource);
  if (policy === undefined) return [];
  const [, from = '', to = '', end] = callsName.exec(text(at(resource.props, 'metadata', 'name')) ?? '') ?? [];
  const [own, other, direction] = end === 'out' ? ([from, to, 'Egress'] as const) : ([to, from, 'Ingress'] as const);
  const selector = at(policy.spec, 'podSelector');
  const plane = selector === notYetKnown && end !== undefined ? own : gatewayNamed(selector);
  if (plane === undefined) return [];
  return [{ plane, policy, speaksOf: end !== undefined && plane === own ? { other, direction } : undefined }];
}

/** Planes whose gateways run as pods of this program. */
function gatewaysIn(resource: Declared): readonly string[] {
  return podsOf(resource)
    .map(({ labels }) => gatewayNamed({ matchLabels: labels }))
    .filter((plane) => plane !== undefined);
}

/** The plane whose gateway a pod selector names. */
function gatewayNamed(selector: unknown): string | undefined {
  const labels = at(selector, 'matchLabels');
  return at(labels, nameLabel) === 'gateway' ? text(at(labels, planeLabel)) : undefined;
}

function openingsOf(guard: Guard): readonly Opening[] {
  return (['Ingress', 'Egress'] as const).flatMap((direction) => {
    const spoken = guard.speaksOf?.direction === direction ? guard.speaksOf.other : undefined;
    const rules = rulesOf(guard.policy, direction);
    // while addresses are not known, our flows render no rule: the policy admits nobody yet
    if (spoken !== undefined && rules.length === 0) return [opening(guard, direction, spoken, 'spec')];
    if (!concerns(guard.policy, direction)) return [];
    return rules.filter(reachesDoor).flatMap(({ path, peers }) => {
      const named = list(peers).map((peer) => gatewayNamed(at(peer, 'podSelector')));
      const others = new Set(named.filter((other) => other !== undefined && other !== guard.plane));
      if (others.size === 0 && spoken !== undefined) others.add(spoken);
      return [...others].map((other) => opening(guard, direction, other ?? '', path));
    });
  });
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

/** Ends of a pair that are shut at gateways of this program. */
function closedEnds(
  pair: Pair,
  here: ReadonlySet<string>,
  guards: readonly Guard[],
  openings: readonly Opening[],
): readonly Violation[] {
  const [first, second] = pair.planes;
  if (first === second) return [];
  const named = openings.filter(({ from, to }) => [from, to].every((plane) => pair.planes.includes(plane)));
  return ways(first, second)
    .filter(([from, to, direction]) => {
      const end = direction === 'Egress' ? from : to;
      if (!here.has(end) || hasUnknown(guards, end)) return false;
      if (named.length === 0) return !hasAddressRule(guards, end, direction);
      return !named.some((one) => one.from === from && one.to === to && one.direction === direction);
    })
    .map(([from, to, direction]) => {
      const [end, says] = direction === 'Egress' ? [from, `let it call ${to}`] : [to, `admit ${from}`];
      return violation(rule, pair.matrix, {
        path: pair.path,
        expected: `a NetworkPolicy of gateway ${end} to ${says} on its TLS port, as ${first} and ${second} are peers`,
        remedy: 'Declare both gateways in one Mesh, which renders both ends; or take the pair out of the matrix.',
      });
    });
}

/** Whether some rule of a plane is not known: then nothing can be said to be missing. */
function hasUnknown(guards: readonly Guard[], plane: string): boolean {
  return guards
    .filter((guard) => guard.plane === plane)
    .some(({ policy }) =>
      (['ingress', 'egress'] as const).some(
        (key) => at(policy.spec, key) === notYetKnown || list(at(policy.spec, key)).includes(notYetKnown),
      ),
    );
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
  if (answered || !guards.some(({ plane }) => plane === other) || hasUnknown(guards, other)) return [];
  return say(`gateway ${other} to have the other end of the rule`, 'Declare the rule at both gateways, or at neither.');
}

function hasUnknownPairs(props: unknown): boolean {
  const pairs = at(props, 'pairs');
  return pairs === notYetKnown || list(pairs).some((pair) => pair === notYetKnown || list(pair).includes(notYetKnown));
}
