import type { DeadLetter } from '@millrace/contracts';
import type { FetchedRecord, Outbox, WireEncoder } from '@millrace/kafka';
import { expect, it } from 'vitest';
import { fetched } from '../../../test/fixtures.ts';
import { LoadAccounts } from '../../domain/load-accounts.ts';
import { KafkaBatchWriter } from './batch-writer.ts';
import { OutputStream } from './output-stream.ts';

type Added = Parameters<Outbox['add']>;

function writer() {
  const added: Added[] = [];
  const letters: DeadLetter[] = [];
  const outbox = { add: (...record: Added) => added.push(record) } as unknown as Outbox; // only `add` is used
  const encoder: WireEncoder = { schemaId: 1, encode: () => Buffer.from('value') };
  const deadLetters: WireEncoder = {
    schemaId: 2,
    encode: (letter) => {
      letters.push(letter as DeadLetter);
      return Buffer.from('letter');
    },
  };
  const parts = {
    pipeline: 'plant',
    partitions: 1,
    rawTopic: 'plant.raw',
    deadLetterTopic: 'plant.dead-letters',
    outputs: [new OutputStream('plant.clean', encoder, null)],
    deadLetters,
    now: () => 0,
  };
  return { added, letters, one: new KafkaBatchWriter(parts, 0, outbox) };
}

const LOAD = 'a'.repeat(16);
const MARK = { loadId: LOAD, row: 1, attempt: 1 };
const REASON = { code: 'X', message: 'x' };

function withHeaders(headers: Readonly<Record<string, string>>, key: Buffer | null = null): FetchedRecord {
  const header = (name: string): Buffer | undefined =>
    headers[name] === undefined ? undefined : Buffer.from(headers[name]);
  return { ...fetched(0, null, Buffer.from('raw')), key, header };
}

it('passes on the headers that travel, but none of a stranger that would make the record too large', () => {
  const { added, one } = writer();
  const load = new LoadAccounts(['clean']).at(LOAD, 0);
  const names = (): string[] => (added.at(-1)?.[4] ?? []).map(([name]) => name);
  one.emit(
    0,
    'k',
    {},
    withHeaders({ m: `${LOAD}:1`, t: 'mb3k2x9c', traceparent: `00-${'a'.repeat(52)}` }),
    load,
  );
  expect(names()).toEqual(['m', 't', 'traceparent']);
  const long = 'x'.repeat(500_000);
  one.emit(0, 'k', {}, withHeaders({ m: `${LOAD}:1`, t: long, traceparent: long }), load);
  expect(names()).toEqual(['m']);
  one.deadLetter(withHeaders({ t: long }), MARK, REASON);
  expect(names()).not.toContain('t');
});

it('a dead letter holds no key that would make it too large, and then says that it is not whole', () => {
  const { letters, one } = writer();
  one.deadLetter(withHeaders({}, Buffer.from('key')), MARK, REASON);
  expect(letters[0]).toMatchObject({ recordKey: Buffer.from('key'), original: Buffer.from('raw') });
  one.deadLetter(withHeaders({}, Buffer.alloc(700_000)), MARK, REASON);
  expect(letters[1]).toMatchObject({ recordKey: null, original: null, originalLength: 3 });
  expect(letters[1]?.originalSha256).toMatch(/^[0-9a-f]{64}$/);
});
