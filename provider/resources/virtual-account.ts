/** `VirtualAccount`: an application that may hold tokens and grants, and the user who answers for it. */
import { api } from '@portolan/core';
import { define } from '../kind.ts';
import { entry, named } from '../registry/index.ts';

export const virtualAccountKind = define(
  entry(named('virtual-accounts', { type: 'portolan:registry:VirtualAccount', body: api.VirtualAccountBody })),
);
