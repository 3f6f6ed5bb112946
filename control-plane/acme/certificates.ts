/**
 * Public certificates of a control plane's process, from its configuration: the issuer, which works on one of them at a time, and the watch of each.
 */
import { readPrivately } from '../keys/private-files.ts';
import { CertificateWatch, type WatchSettings } from './certificate-watch.ts';
import type { ExternalAccount } from './client.ts';
import type { CertificatesConfig } from './config.ts';
import { openDnsProvider } from './dns/index.ts';
import { Issuer, type IssuerSettings } from './issuer.ts';

export interface CertificatesSettings
  extends Pick<IssuerSettings, 'controlUrl' | 'onIssued' | 'onFailed'>,
    WatchSettings {
  readonly config: CertificatesConfig;
}

export interface Certificates {
  readonly watch: CertificateWatch;
  /** Once the schema is up to date. */
  start(): void;
  stop(): Promise<void>;
}

/** Throws where a key file cannot be used. */
export async function openCertificates(settings: CertificatesSettings): Promise<Certificates> {
  const { config, now } = settings;
  const { directory, email, caFile, externalAccount, dns } = config;
  const external = externalAccount && (() => readExternalAccount(externalAccount));
  await external?.();
  const provider = await openDnsProvider(dns, now);
  const watch = new CertificateWatch(settings);
  const issuer = new Issuer({
    ...settings,
    directory,
    email,
    caFile,
    externalAccount: external,
    dns: provider,
    resolvers: dns.resolvers,
  });
  return {
    watch,
    start: () => {
      watch.start();
      issuer.start();
    },
    stop: async () => {
      await issuer.stop();
      await watch.stop();
    },
  };
}

async function readExternalAccount({
  keyId,
  keyFile,
}: {
  readonly keyId: string;
  readonly keyFile: string;
}): Promise<ExternalAccount> {
  const text = (await readPrivately(keyFile, 'Key of the external account')).trim();
  if (!/^[A-Za-z0-9_-]{16,}={0,2}$/.test(text))
    throw new Error(
      `certificates.externalAccount.keyFile: ${keyFile}: expected the HMAC key of the CA in base64url, and nothing else.`,
    );
  return { keyId, key: Buffer.from(text, 'base64url') };
}
