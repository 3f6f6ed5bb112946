/**
 * The door of the pure rules: what no program may declare, decided from values. The policy pack asks them before anything is
 * made, constructors by `expect.ts` when they are called, tests directly. No Pulumi SDK stands behind this door.
 */
export {
  type Declared,
  notYetKnown,
  type ResourceRule,
  type StackRule,
  type Violation,
  violationText,
} from './declared.ts';
export { defaultDeny } from './default-deny.ts';
export { imageByDigest } from './image-by-digest.ts';
export { meshMutualTls } from './mesh-mutual-tls.ts';
export { noKeyMaterial } from './no-key-material.ts';
export { noOpen443, publicMark } from './no-open-443.ts';
export { noPlainSecret } from './no-plain-secret.ts';
export { restrictedPods } from './restricted-pods.ts';
export { symmetricMatrix } from './symmetric-matrix.ts';
