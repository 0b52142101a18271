import { MARK_HEADER, type Mark, parseMark } from '@millrace/contracts';
import { asMillraceError } from '@millrace/core';
import {
  createWireDecoder,
  type FetchedRecord,
  type SchemaRegistry,
  type WireDecoder,
} from '@millrace/kafka';
import { bytesText } from '../values/render.ts';

/** A record as `tail` shows it. */
export interface SeenRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  /** The mark, read; null when there is none. */
  readonly mark: Mark | null;
  /** The mark as it stands in the header. */
  readonly markText: string | null;
  /** How the value was read: `avro`, `json`, `text`, `bytes`, `tombstone`. */
  readonly encoding: 'avro' | 'json' | 'text' | 'bytes' | 'tombstone';
  readonly value: unknown;
  /** Why a value in wire format could not be read; it is shown as bytes then. */
  readonly problem: string | null;
}

type Decoded = Pick<SeenRecord, 'encoding' | 'value' | 'problem'>;

/** Reads records of any topic: Avro by the registry, else JSON, else text, else bytes. */
export class RecordReader {
  readonly #decoder: WireDecoder<unknown>;
  readonly #prepared = new Set<number>();

  constructor(registry: SchemaRegistry) {
    this.#decoder = createWireDecoder<unknown>(registry);
  }

  async read(topic: string, partition: number, record: FetchedRecord): Promise<SeenRecord> {
    const header = record.header(MARK_HEADER);
    return {
      topic,
      partition,
      offset: record.offset,
      timestamp: record.timestamp,
      key: record.key ? textOrBytes(record.key) : null,
      mark: parseMark(header),
      markText: header ? textOrBytes(header) : null,
      ...(await this.readValue(record.value)),
    };
  }

  /** A value alone. */
  async readValue(value: Buffer | null): Promise<Decoded> {
    if (value === null) return { encoding: 'tombstone', value: null, problem: null };
    const schemaId = this.#decoder.schemaIdOf(value);
    if (schemaId < 0) return plainValue(value);
    try {
      if (!this.#prepared.has(schemaId)) {
        await this.#decoder.prepare(schemaId);
        this.#prepared.add(schemaId);
      }
      return { encoding: 'avro', value: this.#decoder.decode(value), problem: null };
    } catch (thrown) {
      const error = asMillraceError(thrown);
      // A registry that is away is the world's trouble; a value that nobody can read is this record's.
      if (error.kind !== 'data') throw error;
      return { encoding: 'bytes', value: Buffer.from(value), problem: `${error.code}: ${error.message}` };
    }
  }
}

/** A value that is not Avro. */
export function plainValue(value: Buffer): Decoded {
  const text = utf8(value);
  if (text === null) return { encoding: 'bytes', value: Buffer.from(value), problem: null };
  const json = parseJson(text);
  return json === undefined
    ? { encoding: 'text', value: text, problem: null }
    : { encoding: 'json', value: json, problem: null };
}

function parseJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON after all: shown as the text that it is.
    return undefined;
  }
}

function textOrBytes(bytes: Buffer): string {
  return utf8(bytes) ?? bytesText(bytes);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function utf8(bytes: Buffer): string | null {
  try {
    const text = UTF8.decode(bytes);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters mark what is no text
    return /[\u0000-\u0008\u000e-\u001f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}
