// The bill of materials of an image, as SPDX 2.3 JSON (https://spdx.github.io/spdx-spec/v2.3/). Same parts, same text.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Part {
  readonly name: string;
  readonly version: string;
  /** https://github.com/package-url/purl-spec */
  readonly purl: string;
  /** SPDX expression. */
  readonly license?: string;
  /** Hex, of the package's archive. */
  readonly sha512?: string;
}

export interface SbomArgs {
  readonly name: string;
  readonly version: string;
  readonly parts: readonly Part[];
  /** Seconds since 1970. */
  readonly made: number;
}

export function sbomOf({ name, version, parts, made }: SbomArgs): string {
  const whole = { name, version, purl: `pkg:generic/${name}@${version}`, license: 'Apache-2.0' };
  const packages = [whole, ...parts].map((part, at) => packageOf(part, at));
  const digest = createHash('sha256').update(JSON.stringify(packages)).digest('hex');
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `https://portolan.invalid/sbom/${name}/${digest}`,
    creationInfo: {
      created: new Date(made * 1000).toISOString().replace('.000Z', 'Z'),
      creators: ['Tool: portolan-images'],
    },
    documentDescribes: ['SPDXRef-0'],
    packages,
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: 'SPDXRef-0' },
      ...parts.map((_, at) => ({
        spdxElementId: 'SPDXRef-0',
        relationshipType: 'CONTAINS',
        relatedSpdxElement: `SPDXRef-${at + 1}`,
      })),
    ],
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function packageOf({ name, version, purl, license, sha512 }: Part, at: number): Record<string, unknown> {
  return {
    SPDXID: `SPDXRef-${at}`,
    name,
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: license ?? 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
    ...(sha512 && { checksums: [{ algorithm: 'SHA512', checksumValue: sha512 }] }),
  };
}

/** @param folder dpkg's `status.d`: a file of control fields a package; distroless images have sums beside them. */
export function debianParts(folder: string): readonly Part[] {
  const files = readdirSync(folder).filter((file) => !file.endsWith('.md5sums'));
  return files.sort().map((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
    const [name, version, arch] = ['Package', 'Version', 'Architecture'].map(field) as [string, string, string];
    return { name, version, purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${arch}` };
  });
}
