/**
 * The types a record's field can have, with what carries them in memory, in Avro and in text:
 *
 * | type | in memory | Avro |
 * |---|---|---|
 * | string | string | string |
 * | boolean | boolean | boolean |
 * | int32 | number | int |
 * | int64 | bigint | long |
 * | float64 | number | double |
 * | decimal(p,s) | bigint, unscaled | bytes, logical decimal |
 * | timestamp | number: integer µs since the epoch, UTC; years 1 to 9999, exact as a double (see below) | long, timestamp-micros |
 * | date | number: days since the epoch | int, logical date |
 * | bytes | Buffer | bytes |
 *
 * A double holds every microsecond from 1684 to 2255 and every whole second of years 1 to 9999. What lies outside
 * of that is rejected where text becomes a timestamp, never rounded.
 */
export type FieldType =
  | { readonly kind: 'string' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'int32' }
  | { readonly kind: 'int64' }
  | { readonly kind: 'float64' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'date' }
  | { readonly kind: 'bytes' };

export interface FieldDef {
  /** Avro name: `[A-Za-z_][A-Za-z0-9_]*`. */
  readonly name: string;
  readonly type: FieldType;
  /** Whether it can be null. */
  readonly optional: boolean;
}

/** What a field holds in memory, see {@link FieldType}. */
export type FieldValue = string | boolean | number | bigint | Buffer | null;

/** One record in memory: field name → value. */
export type RecordValue = Record<string, FieldValue>;
