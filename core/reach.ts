/**
 * Which addresses a gateway may dial: the networks of its plane (`upstreamCidrs`), never the clouds' metadata services.
 * Pure; takes addresses, not names: the dialler resolves, asks here for each address, and dials only what was asked.
 * Invariant: every spelling of an address (IPv4 mapped, compressed, embedded in NAT64 or 6to4) gets the answer of the address itself.
 */
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

type Family = 'ipv4' | 'ipv6';

/** One network; without `ports`, every port of it. */
export const ReachRange = z.strictObject({
  cidr: z
    .string()
    .refine((text) => parseCidr(text) !== undefined, 'expected a CIDR such as 10.0.0.0/8 or fd00::/8')
    .describe('Network in CIDR form.'),
  ports: z.array(z.int().min(1).max(65_535)).min(1).optional().describe('Ports in it. Default: every port.'),
});
export type ReachRange = z.infer<typeof ReachRange>;

/** What no plane ever dials: metadata and link-local (AWS, Azure, GCP, Alibaba, Oracle), unspecified, broadcast. */
// table
export const NEVER_DIALLED: readonly string[] = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '255.255.255.255/32',
  '::/128',
  'fe80::/10',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
];

interface Cidr {
  readonly network: string;
  readonly prefix: number;
  readonly family: Family;
}

function parseCidr(text: string): Cidr | undefined {
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text);
  const network = match?.[1] ?? '';
  const prefix = Number(match?.[2]);
  const version = isIP(network);
  if (version === 0 || prefix > (version === 4 ? 32 : 128)) return undefined;
  return { network, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** Networks by family: BlockList by itself takes ::/0 for every IPv4 address as well, as ::ffff:0:0/96 lies in it. */
type Networks = Readonly<Record<Family, BlockList>>;

function networks(cidrs: readonly string[]): Networks {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const text of cidrs) {
    const cidr = parseCidr(text);
    if (!cidr) throw new TypeError(`"${text}" is not a network: expected a CIDR such as 10.0.0.0/8 or fd00::/8`);
    lists[cidr.family].addSubnet(cidr.network, cidr.prefix, cidr.family);
  }
  return lists;
}

/** Eight groups of a valid IPv6 address. WHATWG URL normalises every spelling, a dotted tail too. */
export function ipv6Groups(address: string): readonly number[] {
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const read = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const front = read(head);
  const back = tail === undefined ? [] : read(tail);
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
}

const dotted = (high: number, low: number): string => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;

/** The IPv4 address that an IPv6 one stands for: mapped and compatible (RFC 4291 §2.5.5), NAT64 (RFC 6052), 6to4 (RFC 3056). */
function embedded(address: string): { readonly ipv4: string; readonly same: boolean } | undefined {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = ipv6Groups(address);
  const zeros = (a | b | c | d | e) === 0;
  if (zeros && f === 0xffff) return { ipv4: dotted(g, h), same: true };
  if (zeros && f === 0 && g !== 0) return { ipv4: dotted(g, h), same: false };
  if (a === 0x64 && b === 0xff9b) return { ipv4: dotted(g, h), same: false };
  if (a === 0x2002) return { ipv4: dotted(b, c), same: false };
  return undefined;
}

/**
 * Compiles ranges into `(address, port) → may it be dialled`. An address that is not an IP literal, or has a zone, is refused.
 * No range: nothing may be dialled. Throws TypeError for a range that is no CIDR (`ReachRange` refuses it before).
 */
export function compileReach(ranges: readonly ReachRange[]): (address: string, port: number) => boolean {
  const closed = networks(NEVER_DIALLED);
  const open = ranges.map(({ cidr, ports }) => ({ within: networks([cidr]), ports: ports && new Set(ports) }));
  const never = (address: string, family: Family): boolean => closed[family].check(address, family);
  const allowed = (address: string, family: Family, port: number): boolean =>
    !never(address, family) &&
    open.some(({ within, ports }) => (ports?.has(port) ?? true) && within[family].check(address, family));
  return (address, port) => {
    const version = isIP(address);
    if (version === 4) return allowed(address, 'ipv4', port);
    if (version === 0 || address.includes('%')) return false;
    const inner = embedded(address);
    if (inner?.same) return allowed(inner.ipv4, 'ipv4', port);
    if (inner && never(inner.ipv4, 'ipv4')) return false;
    return allowed(address, 'ipv6', port);
  };
}
