import {
  formatMark,
  formatReplayMark,
  INGEST_STAGE,
  type LedgerEntry,
  ledgerEntry,
  MarkReader,
  reconcile,
  UNKNOWN_LOAD,
} from '@millrace/contracts';
import { countRow, emptyTally, formatTally, loadSeed, MillraceError, type RecordValue } from '@millrace/core';
import type { FetchedRecord } from '@millrace/kafka';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALARMS, batchOf, cel, fetched, pipelineOf, row, rule } from '../test/fixtures.ts';
import { DedupeMemory } from './domain/dedupe-memory.ts';
import { LoadAccounts, type LoadPart } from './domain/load-accounts.ts';
import { compileTransform } from './domain/program.ts';
import { type PartitionMemory, TransformPipeline } from './pipeline.ts';
import type { BatchWriter, DeadLetterMark } from './ports.ts';

const PIPELINE = pipelineOf({
  rules: [rule('filter', 'zero', 'value == 0.0'), rule('reject', 'NEGATIVE', 'value < 0.0')],
  outputs: [...pipelineOf().transform.outputs, ALARMS],
});
const OUTPUTS = PIPELINE.transform.outputs.map(({ name }) => name);

/** JSON instead of Avro: the pipeline does not know the difference. */
const JSON_READER = {
  prepare: async () => undefined,
  read: (value: Buffer): RecordValue => {
    try {
      return JSON.parse(value.toString()) as RecordValue;
    } catch (cause) {
      throw new MillraceError({ kind: 'data', code: 'MR-AVRO-UNREADABLE', message: 'no JSON', cause });
    }
  },
};

class MemoryWriter implements BatchWriter {
  bytesOf(_output: number, key: string, value: RecordValue): number {
    return key.length + JSON.stringify(value).length;
  }

  readonly emitted: { output: string; key: string; offset: number; loadId: string }[] = [];
  readonly letters: (DeadLetterMark & { code: string; offset: number })[] = [];

  emit(output: number, key: string, _value: RecordValue, from: FetchedRecord, load: LoadPart): void {
    const first = load.emitted[output]?.first;
    if (first && !first.has(0)) first.set(0, this.emitted.length);
    this.emitted.push({ output: OUTPUTS[output] ?? '', key, offset: from.offset, loadId: load.loadId });
  }

  deadLetter(from: FetchedRecord, mark: DeadLetterMark, reason: { code: string }): void {
    const { loadId, row, attempt } = mark;
    this.letters.push({ loadId, row, attempt, code: reason.code, offset: from.offset });
  }
}

function memory(): PartitionMemory {
  return {
    accounts: new LoadAccounts(OUTPUTS),
    dedupe: new DedupeMemory(3_600_000, () => Number.MAX_SAFE_INTEGER),
    marks: new MarkReader(),
  };
}

function run(records: readonly FetchedRecord[], pipeline = PIPELINE) {
  const held = memory();
  const writer = new MemoryWriter();
  const transform = new TransformPipeline(compileTransform(pipeline), JSON_READER);
  held.dedupe?.beginBatch();
  const summary = transform.run(batchOf(records), held, writer);
  const { touched } = held.accounts.takeChanges(0);
  const ledger = touched.map((part) => held.accounts.ledgerOf('plant', 0, part));
  return { summary, ledger, writer };
}

function json(value: RecordValue): Buffer {
  return Buffer.from(JSON.stringify(value));
}

const LOAD_A = 'a'.repeat(16);
const LOAD_B = 'b'.repeat(16);

/** What ingest would say of these rows. */
function ingestEntry(loadId: string, rows: readonly number[]): LedgerEntry {
  const published = emptyTally();
  for (const one of rows) countRow(published, loadSeed(loadId), one);
  const text = formatTally(published);
  const none = formatTally(emptyTally());
  return ledgerEntry(
    { pipeline: 'plant', loadId, stage: INGEST_STAGE, partition: 0, part: 0, at: 0 },
    {
      ingest: {
        source: 'plant',
        path: '/x.csv',
        size: 1,
        mtimeMs: 0,
        version: 1,
        state: 'published',
        rows: text,
        published: text,
        rejected: none,
        resolved: none,
        sha256: null,
        reason: null,
      },
    },
  );
}

/** A sink that applied all it was sent. */
function sinkEntry(loadId: string, output: string, transform: LedgerEntry): LedgerEntry {
  const tally = transform.transform?.emitted[output]?.tally ?? formatTally(emptyTally());
  const none = formatTally(emptyTally());
  return ledgerEntry(
    { pipeline: 'plant', loadId, stage: `sink.${output}`, partition: 0, part: 0, at: 0 },
    {
      sink: {
        output,
        applied: tally,
        inserted: Number(tally.split(':')[0]),
        updated: 0,
        unchanged: 0,
        superseded: 0,
        rejected: none,
        resolved: none,
      },
    },
  );
}

describe('the account of a batch', () => {
  it('conserves: published = accepted + duplicates + filtered + rejected, and reconcile agrees', () => {
    const input = fc.array(
      fc.record({
        load: fc.constantFrom(LOAD_A, LOAD_B),
        tag: fc.constantFrom('x', 'y'),
        time: fc.integer({ min: 0, max: 5 }),
        value: fc.constantFrom(-1, 0, 1, 95),
        readable: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
      }),
      { minLength: 1, maxLength: 80 },
    );
    fc.assert(
      fc.property(input, (rows) => {
        const numbers = new Map<string, number>();
        const records = rows.map(({ load, tag, time, value, readable }, offset) => {
          const number = (numbers.get(load) ?? 0) + 1;
          numbers.set(load, number);
          const bytes = readable ? json(row(tag, time, value)) : Buffer.from('{');
          return fetched(offset, formatMark(load, number), bytes);
        });
        const { summary, ledger, writer } = run(records);
        expect(summary.accepted + summary.duplicates + summary.filtered + summary.rejected).toBe(rows.length);
        expect(writer.letters.length).toBe(summary.rejected);
        expect(writer.emitted.filter(({ output }) => output === 'clean').length).toBe(summary.accepted);
        // First wins: an accepted key is accepted once.
        const keys = writer.emitted
          .filter(({ output }) => output === 'clean')
          .map(({ offset }) => `${rows[offset]?.tag}/${rows[offset]?.time}`);
        expect(new Set(keys).size).toBe(keys.length);

        const others = ledger.flatMap((entry) => [
          ingestEntry(
            entry.loadId,
            Array.from({ length: numbers.get(entry.loadId) ?? 0 }, (_, i) => i + 1),
          ),
          ...OUTPUTS.map((output) => sinkEntry(entry.loadId, output, entry)),
        ]);
        const loads = reconcile([...ledger, ...others], () =>
          OUTPUTS.map((output) => ({ name: output, output })),
        );
        for (const load of loads) {
          expect(load.differences).toEqual([]);
          expect(load.state).toBe(load.rejected.n > 0 ? 'balancedWithRejects' : 'balanced');
        }
      }),
    );
  });

  it('does not let a rejected or filtered record stand in the way of a good one with the same key', () => {
    const { summary, writer } = run([
      fetched(0, formatMark(LOAD_A, 1), json(row('x', 1, -1))),
      fetched(1, formatMark(LOAD_A, 2), json(row('x', 1, 0))),
      fetched(2, formatMark(LOAD_A, 3), json(row('x', 1, 5))),
      fetched(3, formatMark(LOAD_A, 4), json(row('x', 1, 6))),
    ]);
    expect(summary).toMatchObject({ rejected: 1, filtered: 1, accepted: 1, duplicates: 1 });
    expect(writer.emitted).toEqual([{ output: 'clean', key: 'x', offset: 2, loadId: LOAD_A }]);
  });

  it('does not remember the key of a record that no output wanted', () => {
    const { summary } = run(
      [
        fetched(0, formatMark(LOAD_A, 1), json(row('x', 1, 5))),
        fetched(1, formatMark(LOAD_A, 2), json(row('x', 1, 95))),
      ],
      pipelineOf({ outputs: [ALARMS] }),
    );
    expect(summary).toMatchObject({ filtered: 1, accepted: 1, duplicates: 0 });
  });

  it('sets aside a record that its output could not take, and only that', () => {
    const computed = { name: 'long', type: { kind: 'string' }, optional: false } as const;
    const long = (text: string) => ({ ...row('x', text.length, 5), note: text });
    const [clean] = PIPELINE.transform.outputs;
    const { summary, writer } = run(
      [
        fetched(0, formatMark(LOAD_A, 1), json(long('a'.repeat(300_000)))),
        fetched(1, formatMark(LOAD_A, 2), json(long('a'.repeat(100_000)))),
      ],
      pipelineOf({
        compute: [{ ...computed, cel: cel('string(note) + string(note) + string(note)') }],
        outputs: clean ? [{ ...clean, fields: [...clean.fields, computed] }] : [],
      }),
    );
    expect(summary).toMatchObject({ rejected: 1, accepted: 1 });
    expect(writer.letters).toMatchObject([{ row: 1, code: 'MR-ROW-TOO-LARGE' }]);
  });

  it('adds up what is computed: many texts of middling length are one large record', () => {
    const names = Array.from({ length: 60 }, (_, i) => `copy${i}`);
    const computed = names.map((name) => ({ name, type: { kind: 'string' }, optional: false }) as const);
    const [clean] = PIPELINE.transform.outputs;
    const { summary } = run(
      [fetched(0, formatMark(LOAD_A, 1), json({ ...row('x', 1, 5), note: 'a'.repeat(19_000) }))],
      pipelineOf({
        compute: computed.map((field) => ({ ...field, cel: cel('string(note)') })),
        outputs: clean ? [{ ...clean, fields: [...clean.fields, ...computed] }] : [],
      }),
    );
    expect(summary).toMatchObject({ rejected: 1, accepted: 0 });
  });

  it('throws what is no fault of the record: it must not go to the dead letters', () => {
    const broken = {
      ...JSON_READER,
      read: () => {
        throw new MillraceError({ kind: 'bug', code: 'MR-AVRO-NOT-PREPARED', message: 'not prepared' });
      },
    };
    const held = memory();
    const writer = new MemoryWriter();
    const transform = new TransformPipeline(compileTransform(PIPELINE), broken);
    const batch = batchOf([fetched(0, formatMark(LOAD_A, 1), json(row('x', 1, 5)))]);
    expect(() => transform.run(batch, held, writer)).toThrowError('not prepared');
    expect(writer.letters).toEqual([]);
  });

  it('sets aside what cannot be read, and what carries no mark without charging any load', () => {
    const { summary, writer, ledger } = run([
      fetched(0, formatMark(LOAD_A, 1), Buffer.from('nonsense')),
      fetched(1, formatMark(LOAD_A, 2), null),
      fetched(2, null, json(row('x', 1, 5))),
      fetched(3, 'garbage', json(row('x', 1, 5))),
    ]);
    expect(writer.letters).toEqual([
      { loadId: LOAD_A, row: 1, attempt: 1, code: 'MR-ROW-UNREADABLE', offset: 0 },
      { loadId: LOAD_A, row: 2, attempt: 1, code: 'MR-ROW-UNREADABLE', offset: 1 },
      { loadId: UNKNOWN_LOAD, row: 2, attempt: 1, code: 'MR-ROW-NO-MARK', offset: 2 },
      { loadId: UNKNOWN_LOAD, row: 3, attempt: 1, code: 'MR-ROW-NO-MARK', offset: 3 },
    ]);
    expect(summary).toMatchObject({ records: 4, rejected: 2, unmarked: 2 });
    expect(ledger.map((entry) => entry.loadId)).toEqual([LOAD_A]);
  });
});

describe('a replay', () => {
  function replay(attempt: number, stage: string): string {
    return formatReplayMark({ loadId: LOAD_A, row: 1, attempt, stage });
  }

  it('of our own reject settles it when it is accepted, and counts as emitted', () => {
    const { ledger, writer } = run([
      fetched(0, formatMark(LOAD_A, 1), json(row('x', 1, -1))),
      fetched(1, replay(2, 'transform'), json(row('x', 1, 5))),
    ]);
    const one = emptyTally();
    countRow(one, loadSeed(LOAD_A), 1);
    const text = formatTally(one);
    const none = formatTally(emptyTally());
    expect(ledger[0]?.transform).toMatchObject({
      accepted: none,
      rejected: text,
      resolved: text,
      emitted: { clean: { tally: text }, alarms: { tally: none } },
    });
    expect(writer.emitted.length).toBe(1);
  });

  it('that is rejected again makes a new dead letter with its attempt and counts nothing', () => {
    const { ledger, writer } = run([fetched(0, replay(3, 'transform'), json(row('x', 1, -1)))]);
    const none = formatTally(emptyTally());
    expect(ledger[0]?.transform).toMatchObject({ rejected: none, resolved: none });
    expect(writer.letters).toEqual([{ loadId: LOAD_A, row: 1, attempt: 3, code: 'NEGATIVE', offset: 0 }]);
  });

  it('of a reject at ingest counts as any record', () => {
    const { summary, ledger } = run([fetched(0, replay(2, 'ingest'), json(row('x', 1, 5)))]);
    expect(summary).toMatchObject({ accepted: 1, replayed: 0 });
    expect(ledger[0]?.transform?.resolved).toBe(formatTally(emptyTally()));
  });
});
