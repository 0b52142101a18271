import { z } from 'zod';
import type { Path } from '../source-text/yaml-file.ts';
import { pipelineShape } from './pipeline.ts';

/** The parts of JSON Schema that zod writes for our shapes. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

/** The shape of a pipeline file as a JSON Schema, placeholders not considered. */
export const pipelineJsonSchema = z.toJSONSchema(pipelineShape, { io: 'input' }) as JsonSchema;

/** The schemas that a value at this path may follow. */
export function schemasAt(path: Path, root: JsonSchema = pipelineJsonSchema): readonly JsonSchema[] {
  let current: readonly JsonSchema[] = alternatives(root);
  for (const step of path) current = current.flatMap((schema) => child(schema, step)).flatMap(alternatives);
  return current;
}

/** Keys that an object at this path may have. */
export function keysAt(path: Path): readonly string[] {
  return schemasAt(path).flatMap((schema) => Object.keys(schema.properties ?? {}));
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ? schema.anyOf.flatMap(alternatives) : [schema];
}

function child(schema: JsonSchema, step: string | number): readonly JsonSchema[] {
  if (typeof step === 'number') return schema.items ? [schema.items] : [];
  const property =
    schema.properties && Object.hasOwn(schema.properties, step) ? schema.properties[step] : undefined;
  if (property) return [property];
  return typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : [];
}
