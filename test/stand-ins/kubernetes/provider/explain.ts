/** What went wrong with a cluster, in sentences that say what to do. Pure. A credential is never quoted. */
import { Refused, type Status } from '../api.ts';

/** No cluster answered, or none that lets us in. */
export class Unreachable extends Error {}

export function whyUnreachable(cluster: string, error: unknown): string {
  if (error instanceof Refused)
    return `Cluster ${cluster} does not take the credentials of the kubeconfig (401 Unauthorized): the token has expired, or is another cluster's. Get a new kubeconfig and run this again.`;
  return `Cluster ${cluster} cannot be reached: ${reason(error)}. See that it runs and that this machine may reach it, or correct \`server\` in the kubeconfig; then run this again.`;
}

/** "fetch failed" says nothing; what caused it does. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError) return cause.errors.map(reason).join('; ');
  return cause instanceof Error ? reason(cause) : error.message;
}

/** The fields that were refused where the server names them, else its sentence. */
export function whyRefused(status: Status, secrets: readonly string[]): string {
  const causes = (status.details?.causes ?? []).filter(({ field }) => field);
  const said =
    causes.length > 0
      ? causes.map(({ field, message }) => `${field}: ${message}`).join('; ')
      : (status.message ?? 'it does not say why');
  return redact(said, secrets);
}

export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((left, one) => left.replaceAll(one, '[secret]'), text);
}
