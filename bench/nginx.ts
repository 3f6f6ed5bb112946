/**
 * nginx as the yardstick: Debian's binary as a plain reverse proxy with keep-alive on both sides, no TLS, no access log,
 * and one worker, as a gateway replica has one event loop. That is the strictest comparison: it authenticates nobody,
 * writes nothing, and one busy worker is cheaper for each call than several half idle ones.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { end } from './child.ts';
import { freePort } from './free-port.ts';

export interface Nginx extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

export const nginxMissing =
  'nginx is not on PATH nor in /usr/sbin. Install it (Debian: apt-get install nginx-light) and run the bench again.';

/** The binary's path and version, or undefined when there is none. */
export function findNginx(candidates = ['nginx', '/usr/sbin/nginx']): { command: string; version: string } | undefined {
  for (const command of candidates) {
    const { status, stderr } = spawnSync(command, ['-v'], { encoding: 'utf8' });
    if (status === 0) return { command, version: stderr.trim().replace('nginx version: ', '') };
  }
  return undefined;
}

export interface NginxSetting {
  readonly command: string;
  /** Scratch directory; must exist. */
  readonly dir: string;
  readonly workers: number;
  readonly upstreamPort: number;
}

/** Starts it on a free loopback port in front of 127.0.0.1:`upstreamPort`; resolves when it answers. */
export async function startNginx({ command, dir, ...setting }: NginxSetting): Promise<Nginx> {
  const prefix = join(dir, 'nginx');
  const port = await freePort();
  await mkdir(prefix);
  await writeFile(join(prefix, 'nginx.conf'), configuration(prefix, port, setting));
  const child = spawn(command, ['-p', prefix, '-c', 'nginx.conf', '-e', 'stderr'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await answering(child, port);
  return { port, pid: child.pid ?? 0, [Symbol.asyncDispose]: () => end(child) };
}

async function answering(child: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}; its reason is above`);
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer) return;
    await wait(50);
  }
  await end(child);
  throw new Error(`nginx did not answer on 127.0.0.1:${port} within 5 s`);
}

function configuration(
  prefix: string,
  port: number,
  { workers, upstreamPort }: Omit<NginxSetting, 'command' | 'dir'>,
): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${prefix}/${of};`);
  return `
daemon off;
worker_processes ${workers};
pid ${prefix}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_timeout 600s;
  keepalive_requests 100000000;
  ${places.join('\n  ')}
  upstream mcp {
    server 127.0.0.1:${upstreamPort};
    keepalive 128;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://mcp;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}
