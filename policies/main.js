// What `run-policy-pack` requires. It has registered ts-node by then, whatever PulumiPolicy.yaml says, and ts-node takes every
// .ts that is required; what a module imports it leaves alone, so that Node strips the types itself.
import './index.ts';
