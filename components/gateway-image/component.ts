/** The image that gateways run, by what it is. */
import { ArgumentError } from '@portolan/provider';
import { ComponentResource, type ComponentResourceOptions } from '@pulumi/pulumi';
import { expectDigest } from '../rules/expect.ts';

export interface GatewayImageArgs {
  /** `registry.example.com/portolan/gateway@sha256:…` */
  readonly reference: string;
  /** `development` takes a tag too. @default 'production' */
  readonly tier?: 'production' | 'development' | undefined;
}

/**
 * One image for all gateways of a program, so that CI promotes one digest from stack to stack.
 *
 * Creates nothing; its digest is an output of the stack. Cost: none. Security: a tag may be another image tomorrow, so in production it is
 * refused.
 *
 * @example
 * const image = new GatewayImage('gateway', { reference: config.require('gatewayImage') });
 * new KubernetesSite('onprem', { images: { gateway: image }, … });
 */
export class GatewayImage extends ComponentResource {
  readonly reference: string;

  constructor(name: string, { reference, tier = 'production' }: GatewayImageArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:GatewayImage', name, {}, opts);
    const argument = `GatewayImage(${name}).reference`;
    if (typeof reference !== 'string' || reference.trim() === '')
      throw new ArgumentError(argument, 'expected the reference of an image.');
    this.reference = tier === 'production' ? expectDigest(argument, reference) : reference;
    this.registerOutputs({ reference: this.reference });
  }
}
