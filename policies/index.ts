/** The pack, and the shelf of policies: a new one is one file and one line here. `pulumi up --policy-pack policies` */
import { PolicyPack } from '@pulumi/policy';
import { policy as defaultDeny } from './default-deny.ts';
import { policy as imageByDigest } from './image-by-digest.ts';
import { policy as meshMutualTls } from './mesh-mutual-tls.ts';
import { policy as noKeyMaterial } from './no-key-material.ts';
import { policy as noOpen443 } from './no-open-443.ts';
import { policy as noPlainSecret } from './no-plain-secret.ts';
import { policy as noSecretInOutputs } from './no-secret-in-outputs.ts';
import { policy as restrictedPods } from './restricted-pods.ts';
import { policy as symmetricMatrix } from './symmetric-matrix.ts';

new PolicyPack('portolan', {
  enforcementLevel: 'mandatory',
  policies: [
    defaultDeny,
    imageByDigest,
    meshMutualTls,
    noKeyMaterial,
    noOpen443,
    noPlainSecret,
    noSecretInOutputs,
    restrictedPods,
    symmetricMatrix,
  ],
});
