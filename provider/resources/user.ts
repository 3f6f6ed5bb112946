/** `User`: a person that may hold tokens and grants. */
import { api } from '@portolan/core';
import { define } from '../kind.ts';
import { entry, named } from '../registry/index.ts';

export const userKind = define(entry(named('users', { type: 'portolan:registry:User', body: api.UserBody })));
