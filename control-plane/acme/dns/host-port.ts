/** `host`, `host:port`, `[::1]:port`; the port is 53 where none is named. */
const FORM = /^(?:\[([0-9a-fA-F:]+)\]|([^\s/:[\]]+))(?::(\d{1,5}))?$/;

/** Undefined for what is none. */
export function hostAndPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = FORM.exec(text);
  const port = Number(match?.[3] ?? 53);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
