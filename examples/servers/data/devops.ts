/** Pipelines, builds and work items of a company that does not exist. Pure; the same question gets the same answer. */
import { drawFor, pick } from '../draw.ts';

export const pipelines = ['gateway', 'web-shop', 'data-platform'] as const;

export const stages = ['checkout', 'build', 'unit tests', 'integration tests', 'publish'] as const;

export const states = ['new', 'active', 'resolved'] as const;

export interface WorkItem {
  readonly id: number;
  readonly type: 'bug' | 'story' | 'task';
  readonly title: string;
  readonly state: (typeof states)[number];
  readonly assignee: string;
}

export const workItems: readonly WorkItem[] = [
  { id: 1041, type: 'bug', title: 'Basket loses items after sign-in', state: 'active', assignee: 'sam.okafor' },
  { id: 1042, type: 'story', title: 'Pay by invoice', state: 'new', assignee: 'aiko.tanaka' },
  { id: 1043, type: 'task', title: 'Renew the certificate of the shop', state: 'resolved', assignee: 'lena.novak' },
  { id: 1044, type: 'bug', title: 'Nightly export stops at midnight UTC', state: 'active', assignee: 'jonas.weber' },
];

/** A build that has run, by its number. */
export function buildOf(number: number) {
  const draw = drawFor(`build/${number}`);
  return {
    number,
    pipeline: pick(draw, pipelines),
    branch: draw(3) === 0 ? 'release/2026.9' : 'main',
    result: draw(5) === 0 ? 'failed' : 'succeeded',
    commit: draw(0xfff_ffff).toString(16).padStart(7, '0'),
    durationSeconds: 90 + draw(400),
  };
}
