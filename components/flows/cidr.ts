/** Arithmetic of networks. Pure; `parseCidr` is the one place that reads text. */
import { isIP } from 'node:net';
import { ipv6Groups, NEVER_DIALLED } from '@portolan/core';
import type { Block } from './flow.ts';

export interface Cidr {
  readonly family: 4 | 6;
  readonly prefix: number;
  readonly first: bigint;
  readonly last: bigint;
  /** Whether the text names an address within the network instead of the network. */
  readonly hostBits: boolean;
}

/** `undefined`: no network, or IPv4 in an IPv6 spelling, which rules of clusters and clouds read differently. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address = '', length = ''] = /^([0-9a-fA-F:.]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const prefix = Number(length);
  if ((family !== 4 && family !== 6) || prefix > bits || (family === 6 && isMapped(address))) return undefined;
  const value = family === 4 ? join(address.split('.').map(Number), 8n) : join(ipv6Groups(address), 16n);
  const size = 1n << BigInt(bits - prefix);
  const first = value - (value % size);
  return { family, prefix, first, last: first + size - 1n, hostBits: first !== value };
}

const isMapped = (address: string): boolean =>
  address.includes('.') || join(ipv6Groups(address), 16n) >> 32n === 0xffffn;

const join = (parts: readonly number[], width: bigint): bigint =>
  parts.reduce((value, part) => (value << width) | BigInt(part), 0n);

/** Whether one lies in the other or is the same. Two networks either do or have nothing in common. False where one is none. */
export const overlap = (one: string, other: string): boolean => contains(one, other) || contains(other, one);

export function contains(outer: string, inner: string): boolean {
  const [o, i] = [parseCidr(outer), parseCidr(inner)];
  return o !== undefined && i !== undefined && o.family === i.family && o.first <= i.first && i.last <= o.last;
}

/** The network without what no plane dials. A network that is nothing else is meant: a platform's own endpoint. */
export function withoutNeverDialled(cidr: string): Block {
  const except = NEVER_DIALLED.filter((never) => contains(cidr, never) && !contains(never, cidr));
  return except.length === 0 ? { cidr } : { cidr, except };
}
