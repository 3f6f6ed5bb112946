/** Arguments of a Mesh, checked. Pure. */
import { ArgumentError, expectControl, expectEntry } from '@portolan/provider';
import { flowFaults } from '../flows/index.ts';
import type { MeshArgs } from './args.ts';

export function checkMesh(name: string, { control, gateways }: MeshArgs): void {
  expectControl(`Mesh(${name}).control`, control);
  const refuse = (reason: string): never => {
    throw new ArgumentError(`Mesh(${name}).gateways`, reason);
  };
  if (!Array.isArray(gateways)) refuse('expected a list of gateways, as in [aws, azure].');
  const seen = new Set<string>();
  for (const gateway of gateways) {
    expectEntry(`Mesh(${name}).gateways`, gateway, 'gateway');
    const { entryName } = gateway;
    if (gateway.control !== control)
      refuse(`"${entryName}" belongs to another control plane; name it in that one's Mesh.`);
    if (seen.has(entryName)) refuse(`"${entryName}" is there twice; name each gateway once.`);
    seen.add(entryName);
  }
  const planes = [control, ...gateways].flatMap(({ network }) => network?.planned ?? []);
  const [fault] = flowFaults(planes);
  if (fault !== undefined) throw new ArgumentError(`Mesh(${name}): ${fault.path}`, fault.says);
}
