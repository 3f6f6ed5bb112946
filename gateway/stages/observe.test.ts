/** What of a caller's texts goes into the audit record. */
import { type AuditRecord, refuse } from '@portolan/core';
import { expect, test } from 'vitest';
import type { Gateway, Received } from '../context.ts';
import { RandomHex } from '../random-hex.ts';
import { observe, record } from './observe.ts';

async function recordOf(message: { readonly method: string; readonly target?: string }): Promise<AuditRecord> {
  const rows: AuditRecord[] = [];
  const gateway = {
    clock: { now: () => 0, monotonic: () => 0 },
    identity: { current: () => ({ gateway: 'aws' }) },
    meter: { request: () => {}, proxied: () => {}, hopError: () => {} },
    audit: { note: (row: AuditRecord) => void rows.push(row) },
    random: new RandomHex(),
  } as unknown as Gateway;
  const head = { requestId: 'r', method: 'POST', headers: {}, flight: { reason: undefined } };
  const request = { ...head, arrivedAt: 0, startedAt: 0, message };
  const serve = observe(async () => {
    throw refuse('no_grant');
  });
  await expect(serve(request as unknown as Received, gateway)).rejects.toMatchObject({ code: 'no_grant' });
  const [row] = rows;
  if (!row) throw new Error('no record was made');
  return row;
}

test('who was let in has his record kept, also when nobody else is let in any more; who was not is noted', async () => {
  const kept: string[] = [];
  const gateway = {
    clock: { now: () => 0, monotonic: () => 0 },
    identity: { current: () => ({ gateway: 'aws' }) },
    meter: { request: () => {}, proxied: () => {}, hopError: () => {} },
    audit: {
      accepts: () => false,
      append: async ({ code }: AuditRecord) => void kept.push(`kept ${code}`),
      note: ({ code }: AuditRecord) => void kept.push(`noted ${code}`),
    },
    random: new RandomHex(),
  } as unknown as Gateway;
  const request = {
    requestId: 'r',
    method: 'POST',
    headers: {},
    arrivedAt: 0,
    startedAt: 0,
    principal: { name: 'alice' },
  };
  const [known, letIn] = [request, { ...request, server: { name: 'far' } }] as unknown as Parameters<
    typeof record
  >[0][];
  for (const call of [known, letIn]) if (call) await record(call, { http: 503, code: 'audit_unavailable' }, gateway);
  if (letIn) await record(letIn, { http: 200, code: undefined }, gateway);
  expect(kept).toEqual(['noted audit_unavailable', 'kept audit_unavailable', 'kept null']);
});

test('the names that a caller asks for are cut: his record must not hold up those of others', async () => {
  const name = 'n'.repeat(5000);
  const cut = `${'n'.repeat(511)}…`;
  expect(await recordOf({ method: name, target: name })).toMatchObject({ method: cut, tool: cut });
  const whole = 'n'.repeat(512);
  expect(await recordOf({ method: whole, target: whole })).toMatchObject({ method: whole, tool: whole });
  expect(await recordOf({ method: 'tools/list' })).toMatchObject({ method: 'tools/list', tool: null });
});
