/** Who has which port and which name on a site. The second to ask is refused, with the name of the first. */
import { ArgumentError } from '@portolan/provider';

export interface Claim {
  /** `GatewayPlane(aws)` */
  readonly owner: string;
  /** The argument that leads to it. */
  readonly property: string;
}

export class Claims {
  readonly #holders = new Map<string, string>();

  /** Throws an ArgumentError; then nothing is claimed. */
  claim({ owner, property }: Claim, things: readonly string[]): void {
    for (const thing of things) {
      const holder = this.#holders.get(thing);
      if (holder === undefined) continue;
      throw new ArgumentError(
        `${owner}.${property}`,
        `${thing} belongs to ${holder} already; choose another ${property}.`,
      );
    }
    for (const thing of things) this.#holders.set(thing, owner);
  }
}
