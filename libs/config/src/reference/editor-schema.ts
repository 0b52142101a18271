import { type JsonSchema, pipelineJsonSchema } from '../shape/json-schema.ts';

/** Texts with a `${VAR}` may stand wherever a value stands. */
const PLACEHOLDER: JsonSchema = { type: 'string', pattern: '\\$\\{' };

/** The JSON Schema for editors (`# yaml-language-server: $schema=…`): completion, hints and first checks. */
export function editorSchema(): object {
  const { $schema, ...rest } = pipelineJsonSchema as JsonSchema & { readonly $schema?: string };
  return {
    $schema,
    title: 'Millrace pipeline',
    ...(withPlaceholders(rest) as object),
  };
}

function withPlaceholders(schema: JsonSchema): JsonSchema {
  const { description, default: fallback, format: _format, ...rest } = schema;
  const about = {
    ...(description !== undefined && { description }),
    ...(fallback !== undefined && { default: fallback }),
  };
  const constrained =
    schema.type === 'integer' ||
    schema.type === 'boolean' ||
    schema.enum !== undefined ||
    schema.const !== undefined;
  if (constrained || (schema.type === 'string' && schema.pattern !== undefined)) {
    return { ...about, anyOf: [rest, PLACEHOLDER] };
  }
  return {
    ...about,
    ...rest,
    ...(rest.properties && {
      properties: Object.fromEntries(
        Object.entries(rest.properties).map(([name, property]) => [name, withPlaceholders(property)]),
      ),
    }),
    ...(rest.items && { items: withPlaceholders(rest.items) }),
    ...(rest.anyOf && { anyOf: rest.anyOf.map(withPlaceholders) }),
    ...(typeof rest.additionalProperties === 'object' && {
      additionalProperties: withPlaceholders(rest.additionalProperties),
    }),
  };
}
