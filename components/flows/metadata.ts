/** Addresses at which clouds hand out credentials to whoever asks: no flow reaches them but by name of the platform. */
import { BlockList } from 'node:net';
import type { Block } from './flow.ts';

// table
const metadata = [
  '169.254.0.0/16',
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
];

const family = (cidr: string) => (cidr.includes(':') ? 'ipv6' : 'ipv4');

/** Whether `inner` lies in `outer`, both valid. */
export function contains(outer: string, inner: string): boolean {
  const [network = '', prefix] = outer.split('/');
  const [address = '', innerPrefix] = inner.split('/');
  if (family(outer) !== family(inner) || Number(prefix) > Number(innerPrefix)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), family(outer));
  return list.check(address, family(inner));
}

/** Metadata services within a network. */
export const metadataIn = (cidr: string): readonly string[] => metadata.filter((one) => contains(cidr, one));

/** The network without the metadata services that lie in it. One that is such a service is meant. */
export function withoutMetadata(cidr: string): Block {
  const except = metadataIn(cidr).filter((one) => one !== cidr);
  return except.length === 0 ? { cidr } : { cidr, except };
}
