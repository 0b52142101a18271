import { streamSchema, streamType } from '@millrace/contracts';
import type { WireEncoder } from '@millrace/kafka';
import { describe, expect, it } from 'vitest';
import { fetched, pipelineOf, row } from '../../../test/fixtures.ts';
import { OutputStream } from './output-stream.ts';

const PIPELINE = pipelineOf();
const FIELDS = PIPELINE.record.fields;
const ENCODED = Buffer.from('encoded anew');
const ENCODER: WireEncoder = { schemaId: 77, encode: () => ENCODED };

/** As the registry gives it back: with attributes and defaults. */
function schemaOf(fields: typeof FIELDS): unknown {
  return streamType(streamSchema(PIPELINE, 'raw', fields)).schema({ exportAttrs: true });
}

function jsonFields(schema: unknown): string {
  return JSON.stringify((schema as { fields: unknown }).fields);
}

function raw(schemaId: number): Buffer {
  const bytes = Buffer.from([0, 0, 0, 0, 0, 1, 2, 3]);
  bytes.writeInt32BE(schemaId, 1);
  return bytes;
}

describe('an output whose fields are those of the record', () => {
  const stream = new OutputStream('plant.clean', ENCODER, jsonFields(schemaOf(FIELDS)));
  stream.learnWriterSchema(5, schemaOf(FIELDS));
  stream.learnWriterSchema(6, schemaOf([...FIELDS].reverse()));
  stream.learnWriterSchema(7, schemaOf(FIELDS.map((field) => ({ ...field, optional: true }))));

  it('passes the body on under its own schema id', () => {
    const value = stream.encode(row('a', 0, 1), fetched(0, null, raw(5)));
    expect([...value]).toEqual([0, 0, 0, 0, 77, 1, 2, 3]);
  });

  it('leaves the fetched bytes alone', () => {
    const bytes = raw(5);
    stream.encode(row('a', 0, 1), fetched(0, null, bytes));
    expect(bytes).toEqual(raw(5));
  });

  it.each([
    ['another order', 6],
    ['other types', 7],
    ['a schema it has not seen', 8],
  ])('encodes anew what was written with %s', (_what, schemaId) => {
    expect(stream.encode(row('a', 0, 1), fetched(0, null, raw(schemaId)))).toBe(ENCODED);
  });
});

it('an output with computed fields is always encoded', () => {
  const stream = new OutputStream('plant.clean', ENCODER, null);
  stream.learnWriterSchema(5, schemaOf(FIELDS));
  expect(stream.encode(row('a', 0, 1), fetched(0, null, raw(5)))).toBe(ENCODED);
});
