/** The door of the mesh CA. */
export { ControlCertificate } from './control-certificate.ts';
export type { Leaf } from './leaf.ts';
export { MeshCa, type SignedLeaf, type Signer } from './signer.ts';
