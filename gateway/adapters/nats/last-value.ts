/** The last value of a subject of stream `CFG`, by `DIRECT.GET` with the subject in the subject, so that the server enforces whose it is. */
import { streams } from '@portolan/core';
import { NatsAway, type NatsLink } from './nats-link.ts';

/** The value's bytes, or undefined where the stream has none. Throws `NatsAway` where the stream cannot be read. */
export async function lastValue(link: Pick<NatsLink, 'request'>, subject: string): Promise<Uint8Array | undefined> {
  const { code, data } = await link.request(`$JS.API.DIRECT.GET.${streams.config}.${subject}`);
  if (code === 404) return undefined;
  if (code !== 0) throw new NatsAway(`the stream ${streams.config} answered ${code} for ${subject}`);
  return data;
}
