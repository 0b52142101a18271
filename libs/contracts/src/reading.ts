import type { FieldDef, FieldType } from '@millrace/core';

function field(name: string, kind: Exclude<FieldType['kind'], 'decimal'>, optional = false): FieldDef {
  return { name, type: { kind }, optional };
}

/**
 * The built-in record of a tag, flat, so that rules, CEL and sinks work on it as on any record (ADR 0010).
 * Exactly one of the `value…` fields is set when the server gave a value, except that an integer which a double
 * holds exactly is in `value` and `valueLong` both.
 */
export const READING_FIELDS: readonly FieldDef[] = [
  /** Path of browse names below the group's start, joined with `/`; a listed node's identifier. */
  field('tag', 'string'),
  /** With its namespace's URI: `nsu=urn:plant;s=Site.Temp`. Survives index shifts. */
  field('nodeId', 'string'),
  /** Name of the server in the pipeline file. */
  field('clientId', 'string'),
  /** Browse name of the parent; of a listed node its display name. */
  field('sensor', 'string'),
  /** Source time, else server time, else arrival. */
  field('time', 'timestamp'),
  field('sourceTime', 'timestamp', true),
  field('serverTime', 'timestamp', true),
  /** Every number that a double holds exactly. */
  field('value', 'float64', true),
  /** Every integer of up to 64 bits, signed; a UInt64 above 2^63−1 is in `valueText`. */
  field('valueLong', 'int64', true),
  field('valueBoolean', 'boolean', true),
  /** Texts; GUIDs, times, node ids as text; arrays and structures as JSON. */
  field('valueText', 'string', true),
  field('valueBytes', 'bytes', true),
  /** OPC UA Part 4, 7.39: all 32 bits. */
  field('statusCode', 'int64'),
  /** `good`, `uncertain` or `bad`: the severity bits of the status. */
  field('quality', 'string'),
  field('unit', 'string', true),
  /** Read from the server's history to fill a gap. */
  field('backfilled', 'boolean'),
];

/** Messages of a tag stay in order. */
export const READING_KEY: readonly string[] = ['tag'];
