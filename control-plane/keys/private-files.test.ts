/** Which files count as closed to others. */
import { expect, test } from 'vitest';
import { isClosed } from './private-files.ts';

const OURS = [65_532, 7];

test.each([
  ['ours alone', { mode: 0o100600, uid: 65_532, gid: 65_532 }, true],
  ['ours, to be read only', { mode: 0o100400, uid: 65_532, gid: 65_532 }, true],
  ['a Secret as kubelet shows it by fsGroup', { mode: 0o100440, uid: 0, gid: 65_532 }, true],
  ['by a further group of ours', { mode: 0o100440, uid: 0, gid: 7 }, true],
  ['of a group that we are not in', { mode: 0o100440, uid: 0, gid: 8 }, false],
  ['that the group may write', { mode: 0o100460, uid: 0, gid: 65_532 }, false],
  ["whose group's file is not root's", { mode: 0o100440, uid: 1000, gid: 65_532 }, false],
  ['that all may read', { mode: 0o100444, uid: 0, gid: 65_532 }, false],
  ["root's that all may read", { mode: 0o100644, uid: 0, gid: 65_532 }, false],
])('%s', (_, stats, closed) => expect(isClosed(stats, OURS)).toBe(closed));
