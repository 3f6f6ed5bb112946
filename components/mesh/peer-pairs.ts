/** Who may call whom. Pure, so that components, rules and policies agree. */

/** Every unordered pair of different members, once, in the order given. Crossing is allowed both ways or not at all. */
export function peerPairs<Member>(members: readonly Member[]): readonly (readonly [Member, Member])[] {
  const different = [...new Set(members)];
  return different.flatMap((first, at) => different.slice(at + 1).map((second) => [first, second] as const));
}
