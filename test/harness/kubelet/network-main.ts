/**
 * The network between clusters, in a namespace of its own: one bridge, to which nodes are plugged. Whoever is outside comes in
 * by a unix socket: a line `<address> <port>`, then bytes. What is outside comes in as an address here, piped to a unix socket.
 */
import { execFileSync } from 'node:child_process';
import { createConnection, createServer, type Socket } from 'node:net';
import { tell } from './namespaced.ts';

const [socketPath = '', address = ''] = process.argv.slice(2);
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'inherit' });

ip('link', 'set', 'lo', 'up');
ip('link', 'add', 'net0', 'type', 'bridge');
ip('addr', 'add', address, 'dev', 'net0');
ip('link', 'set', 'net0', 'up');

createServer({ allowHalfOpen: true, pauseOnConnect: true }, dial).listen(socketPath, () => tell({ kind: 'up' }));

process.on('message', (message: { kind: 'expose'; address: string; port: number; socket: string }) => {
  if (message.kind !== 'expose') return;
  try {
    ip('addr', 'add', `${message.address}/32`, 'dev', 'lo');
  } catch {
    // the address has another port already
  }
  createServer({ allowHalfOpen: true }, (client) => join(client, createConnection(message.socket))).listen(
    message.port,
    message.address,
    () => tell({ kind: 'exposed', socket: message.socket }),
  );
});

function dial(client: Socket): void {
  let head = '';
  client.on('error', () => client.destroy());
  const read = (chunk: Buffer) => {
    head += chunk.toString('latin1');
    const end = head.indexOf('\n');
    if (end < 0) return;
    client.off('data', read).pause();
    const rest = Buffer.from(head.slice(end + 1), 'latin1');
    if (rest.length > 0) client.unshift(rest);
    const [host = '', port = ''] = head.slice(0, end).split(' ');
    const server = createConnection({ host, port: Number(port), allowHalfOpen: true });
    server.once('connect', () => join(client, server));
    server.once('error', () => client.destroy());
  };
  client.on('data', read).resume();
}

function join(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => to.destroy()).on('close', () => to.destroy());
    from.pipe(to);
  }
}
