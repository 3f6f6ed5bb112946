import { test } from 'vitest';
import { startTestBackbone, until } from './test/backbone.ts';
import { enrolGateway, addCaller, addServer } from './test/world.ts';
import { render } from './publish/render.ts';
import { put, mcpServers } from './registry/index.ts';
test('x', async () => {
  await using plane = await startTestBackbone();
  for (const n of ['aws','azure','gcp','onprem']) await enrolGateway(plane, n);
  await addServer(plane, 's', 'aws'); await addCaller(plane,'alice','s');
  await until(() => plane.backbone().nats.connected());
  const pub = (plane.backbone().snapshots as any);
  const parts = pub['_parts'];
  const t: Record<string, number[]> = {put: [], total: []};
  const db = plane.database.db;
  for (let i=0;i<60;i++) {
    const a = performance.now();
    await put(db, mcpServers, 'moving', { url: 'http://moving.internal', gateway: 'aws', description: `change ${i}` });
    const b = performance.now();
    for(;;) { const r = await db.selectFrom('snapshots').select('jws').where('gateway','=','aws').orderBy('revision','desc').limit(1).executeTakeFirstOrThrow(); if (Buffer.from(r.jws.split('.')[1]!,'base64url').toString().includes(`change ${i}"`)) break; }
    const c = performance.now();
    t.put!.push(b-a); t.total!.push(c-b);
    await new Promise(r=>setTimeout(r,30));
  }
  for (const [k,v] of Object.entries(t)) { v.sort((x,y)=>x-y); console.log(k, v[30]!.toFixed(1), v[58]!.toFixed(1)); }
}, 100000);
