/** Arguments of a Mesh, checked. Pure. */
import { ArgumentError } from '../argument-error.ts';
import type { MeshArgs } from './args.ts';

export function checkMesh(name: string, { control, gateways }: MeshArgs): void {
  const refuse = (reason: string): never => {
    throw new ArgumentError(`Mesh(${name}).gateways`, reason);
  };
  const seen = new Set<string>();
  for (const gateway of gateways) {
    const { entryName } = gateway;
    if (gateway.control !== control)
      refuse(`"${entryName}" belongs to another control plane; name it in that one's Mesh.`);
    if (seen.has(entryName)) refuse(`"${entryName}" is there twice; name each gateway once.`);
    seen.add(entryName);
  }
}
