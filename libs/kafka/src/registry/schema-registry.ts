import { type Clock, MillraceError } from '@millrace/core';
import type { Schema, Type } from 'avsc';
import type { RegistrySettings, SchemaRegistry } from '../registry-types.ts';

/** What `avsc.Type.forSchema` takes as its options: logical types, hooks, wrapping of unions. */
export type AvscTypeOptions = NonNullable<Parameters<typeof Type.forSchema>[1]>;

export interface RegistryDeps {
  readonly clock: Clock;
  /** Used for every type read from the registry: the logical types of `libs/contracts`. */
  readonly typeOptions?: AvscTypeOptions;
}

export type { Schema };

export function createSchemaRegistry(_settings: RegistrySettings, _deps: RegistryDeps): SchemaRegistry {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}
