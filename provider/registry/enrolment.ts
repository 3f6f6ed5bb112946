/**
 * A gateway's way in: a one-time secret in a file of mode 0600 that the gateway deletes after use. The secret passes
 * through this file's functions and goes nowhere else: no state, no error, no log.
 */
import { readFileSync } from 'node:fs';
import { api } from '@portolan/core';
import { writeWhole } from '../processes/index.ts';
import { askPatiently, type ControlApi, ControlPlaneRefused } from './control-plane.ts';

export interface Enrolling {
  readonly control: ControlApi;
  readonly name: string;
  readonly enrolmentFile: string;
}

/** Asks for an enrolment and writes it. */
export async function enrol({ control, name, enrolmentFile }: Enrolling, signal: AbortSignal): Promise<void> {
  const answer = await askPatiently(control, { method: 'POST', path: `/gateways/${name}/enrolments` }, signal);
  const enrolment = api.Enrolment.safeParse(answer);
  if (!enrolment.success)
    throw new ControlPlaneRefused(`Control plane ${control.url} gave no enrolment for gateway ${name}.`);
  writeWhole(enrolmentFile, `${JSON.stringify(enrolment.data, null, 2)}\n`, 0o600);
}

/** False where there is none, or it can no longer be used. */
export function hasEnrolment(enrolmentFile: string): boolean {
  try {
    const { expiresAt } = api.Enrolment.parse(JSON.parse(readFileSync(enrolmentFile, 'utf8')));
    return Date.parse(expiresAt) > Date.now();
  } catch {
    return false;
  }
}
