import { MillraceError } from '@millrace/core';
import type { Type } from 'avsc';
import type { AvroSchema, SchemaRegistry, WireDecoder, WireEncoder } from '../registry-types.ts';
import type { AvscTypeOptions } from './schema-registry.ts';

/** Registers the schema under `<topic>-value` and returns its encoder. */
export async function createWireEncoder(
  _registry: SchemaRegistry,
  _topic: string,
  _schema: AvroSchema,
  _typeOptions?: AvscTypeOptions,
): Promise<WireEncoder> {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}

/** Decodes into `readerType`, or into each writer's own type. */
export function createWireDecoder<T>(_registry: SchemaRegistry, _readerType?: Type): WireDecoder<T> {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}
