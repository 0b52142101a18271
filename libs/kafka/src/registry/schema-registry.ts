import {
  COMPATIBILITY,
  SchemaType,
  SchemaRegistry as StockRegistry,
} from '@kafkajs/confluent-schema-registry';
import { streamTypeOptions } from '@millrace/contracts';
import type { Clock, MillraceError } from '@millrace/core';
import type { Type } from 'avsc';
import type { AvroSchema, RegistrySettings, SchemaRegistry } from '../registry-types.ts';
import { isUnknownSchema, registryError } from './registry-errors.ts';

/** What `avsc.Type.forSchema` takes as its options: logical types, hooks, wrapping of unions. */
export type AvscTypeOptions = NonNullable<Parameters<typeof Type.forSchema>[1]>;

export interface RegistryDeps {
  readonly clock: Clock;
  /** How schemas from the registry become types. Default: those of streams, `streamTypeOptions` of contracts. */
  readonly typeOptions?: AvscTypeOptions;
}

const NEGATIVE_CACHE_MS = 30_000;
const DEADLINE_MS = 10_000;
/** Ids and subjects are few; this only stops damaged values from filling the memory. */
const MAX_UNKNOWN_IDS = 10_000;

/** Does not connect: the first use does. */
export function createSchemaRegistry(settings: RegistrySettings, deps: RegistryDeps): SchemaRegistry {
  return new CachedRegistry(settings, deps);
}

/** One request at a time for the same thing; an id that is unknown is not asked for again for 30 seconds. */
class CachedRegistry implements SchemaRegistry {
  readonly #stock: StockRegistry;
  readonly #clock: Clock;
  readonly #types = new Map<number, Promise<Type>>();
  readonly #registered = new Map<string, Promise<number>>();
  readonly #unknown = new Map<number, { readonly until: number; readonly error: MillraceError }>();

  constructor(settings: RegistrySettings, { clock, typeOptions }: RegistryDeps) {
    this.#clock = clock;
    const { url, username, password } = settings;
    this.#stock = new StockRegistry(
      {
        host: url.replace(/\/+$/, ''),
        clientId: 'millrace',
        ...(username === undefined ? {} : { auth: { username, password: password ?? '' } }),
        // Whoever asks decides about asking again.
        retry: { retries: 0 },
      },
      { [SchemaType.AVRO]: typeOptions ?? streamTypeOptions() },
    );
  }

  register(topic: string, schema: AvroSchema): Promise<number> {
    const text = JSON.stringify(schema);
    const subject = `${topic}-value`;
    return once(this.#registered, `${subject}\n${text}`, () => this.#register(subject, text));
  }

  typeOf(id: number): Promise<Type> {
    const unknown = this.#unknown.get(id);
    if (unknown && unknown.until > this.#clock.monotonic()) return Promise.reject(unknown.error);
    return once(this.#types, id, () => this.#fetch(id));
  }

  async #register(subject: string, text: string): Promise<number> {
    const register = async (compatibility: COMPATIBILITY): Promise<number> => {
      const request = this.#stock.register(
        { type: SchemaType.AVRO, schema: text },
        { subject, compatibility },
      );
      return (await this.#inTime(request)).id;
    };
    try {
      return await settle(register, COMPATIBILITY.BACKWARD, SETTLE_TRIES);
    } catch (error) {
      throw registryError(error, `to register a schema of '${subject}'`);
    }
  }

  async #fetch(id: number): Promise<Type> {
    try {
      // Avro is all that we register; another client's JSON or Protobuf schema fails as unreadable when decoding.
      return (await this.#inTime(this.#stock.getSchema(id))) as Type;
    } catch (thrown) {
      const error = registryError(thrown, `to give schema ${id}`);
      if (isUnknownSchema(error)) {
        if (this.#unknown.size >= MAX_UNKNOWN_IDS) this.#unknown.clear();
        this.#unknown.set(id, { until: this.#clock.monotonic() + NEGATIVE_CACHE_MS, error });
      }
      throw error;
    }
  }

  async #inTime<T>(request: Promise<T>): Promise<T> {
    const answered = new AbortController();
    const late = this.#clock.sleep(DEADLINE_MS, answered.signal).then(
      () => {
        throw new Error(`no answer within ${DEADLINE_MS} ms`);
      },
      // Aborted because the answer came: the race is over.
      () => request,
    );
    try {
      return await Promise.race([request, late]);
    } finally {
      answered.abort();
    }
  }
}

/** Shares the promise of the same key, and forgets it when it fails. */
function once<K, V>(cache: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  const known = cache.get(key);
  if (known) return known;
  const made = make();
  cache.set(key, made);
  made.catch(() => cache.delete(key));
  return made;
}

/** Enough for the steps that another process's registration can be met in. */
const SETTLE_TRIES = 4;

/**
 * The client insists that the subject's level is the one it is told; whatever the operator set is right, so it is
 * told that one. While another process makes the same subject, the level may change once under us.
 */
async function settle(
  register: (level: COMPATIBILITY) => Promise<number>,
  level: COMPATIBILITY,
  tries: number,
): Promise<number> {
  try {
    return await register(level);
  } catch (error) {
    const other = otherLevel(error);
    if (tries <= 1 || (other === null && !SUBJECT_RACE.test(String(error)))) throw error;
    return settle(register, other ?? COMPATIBILITY.BACKWARD, tries - 1);
  }
}

/** Apicurio answers 409 to the second of two processes that set the level of a new subject. */
const SUBJECT_RACE = /rule named 'COMPATIBILITY' already exists/i;
const MISMATCH = /Compatibility does not match the configuration \(\w+ != (\w+)\)/;

function otherLevel(error: unknown): COMPATIBILITY | null {
  const level = error instanceof Error ? MISMATCH.exec(error.message)?.[1] : undefined;
  return Object.values(COMPATIBILITY).find((known) => known === level) ?? null;
}
