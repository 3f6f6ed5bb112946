/** `Grant`: allow or deny × principal × server × what. */
import { api } from '@portolan/core';
import { define } from '../kind.ts';
import { entry, named } from '../registry/index.ts';

export const grantKind = define(entry(named('grants', { type: 'portolan:registry:Grant', body: api.GrantBody })));
