/** A principal as it is sealed into a handle: kind and name, never a token, which may be renewed while a session lives. */
export const sessionPrincipal = ({ kind, name }: { readonly kind: string; readonly name: string }): string =>
  `${kind}:${name}`;
