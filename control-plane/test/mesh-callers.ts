/** Callers as a real TLS server sees them: what `renew` and `identify` are given by server/mesh-caller.ts. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { MeshCaller, MeshMaterial } from '../ports.ts';
import { meshCaller } from '../server/mesh-caller.ts';
import { TLS_RULES } from '../server/tls-contexts.ts';

export interface ClientCertificate {
  readonly chain: string;
  readonly key: string;
}

/** Connects with a client certificate to the mesh name and answers what the server sees. `now`: the server's clock. */
export async function callerWith(
  material: MeshMaterial,
  client: ClientCertificate,
  now: () => number = Date.now,
): Promise<MeshCaller> {
  const { key, certChain, caBundle } = material.current();
  const rules = { ...TLS_RULES, key, cert: certChain, ca: [...caBundle], requestCert: true, rejectUnauthorized: false };
  const server = createServer(rules).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const meshName = 'control.test.mesh.internal';
  const { port } = server.address() as AddressInfo;
  const dialled = connect({
    port,
    host: '127.0.0.1',
    servername: meshName,
    ca: [...caBundle],
    key: client.key,
    cert: client.chain,
    rejectUnauthorized: false,
  });
  dialled.on('error', () => {});
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
  socket.on('error', () => {});
  meshCaller(socket, { meshName, now }); // the server asks more than once: what the peer sent must still be there
  const seen = meshCaller(socket, { meshName, now })?.caller;
  dialled.destroy();
  socket.destroy();
  server.close();
  if (!seen) throw new Error('the server saw no certificate');
  return seen;
}
