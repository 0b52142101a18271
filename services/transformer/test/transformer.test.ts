import { formatMark, formatReplayMark, reconcile } from '@millrace/contracts';
import { ByteBudget, countRow, emptyTally, formatTally, loadSeed } from '@millrace/core';
import { createProxy, waitFor } from '@millrace/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALARMS, pipelineOf, row, rule } from './fixtures.ts';
import { Harness, type RawRow, type Running } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness?.stop());

const LOAD_A = 'a'.repeat(16);
const LOAD_B = 'b'.repeat(16);

function rowsOf(load: string, count: number, value: (i: number) => number = (i) => i + 1): RawRow[] {
  return Array.from({ length: count }, (_, i) => ({
    load,
    row: i + 1,
    value: row(`tag-${i % 7}`, i, value(i)),
  }));
}

function tallyOf(load: string, rows: readonly number[]): string {
  const tally = emptyTally();
  for (const one of rows) countRow(tally, loadSeed(load), one);
  return formatTally(tally);
}

/** The error that a partition halted with. */
async function halted(running: Running): Promise<unknown> {
  const status = await waitFor(() => running.host.status().find(({ state }) => state === 'halted'), {
    what: 'the partition to halt',
  });
  return 'error' in status ? status.error : null;
}

const TWO_OUTPUTS = {
  rules: [rule('filter', 'zero', 'value == 0.0'), rule('reject', 'NEGATIVE', 'value < 0.0')],
  outputs: [...pipelineOf().transform.outputs, ALARMS],
};

describe('from raw to outputs', () => {
  it('given good, bad, filtered, doubled and unreadable rows, each is where it belongs and the loads balance', async () => {
    const pipeline = pipelineOf(TWO_OUTPUTS, { name: harness.name() });
    await harness.create(pipeline);
    const rows = rowsOf(LOAD_A, 200);
    await harness.publish(pipeline, [
      ...rows,
      { load: LOAD_B, row: 1, value: row('tag-0', 0, 5) },
      { load: LOAD_B, row: 2, value: row('tag-0', 1_000, -5) },
      { load: LOAD_B, row: 3, value: row('tag-0', 1_001, 0) },
      { load: LOAD_B, row: 4, value: row('tag-0', 1_002, 5), bytes: Buffer.from('not avro') },
      { load: LOAD_B, row: 5, value: row('tag-0', 1_003, 5), bytes: Buffer.from([0, 0, 0, 99, 99, 1, 2]) },
      { load: LOAD_B, row: 6, value: row('tag-0', 1_004, 5), bytes: null },
      { load: LOAD_B, row: 7, value: row('tag-0', 1_005, 5), mark: null },
    ]);
    await using _running = await harness.run(pipeline);
    await harness.caughtUp(pipeline);

    const clean = await harness.output(pipeline, 'clean');
    expect(clean.map(({ mark }) => mark).sort()).toEqual(
      rows.map(({ row: n }) => formatMark(LOAD_A, n)).sort(),
    );
    const seventh = clean.find(({ mark }) => mark === formatMark(LOAD_A, 7));
    expect(seventh).toMatchObject({ key: 'tag-6', fileTime: 'mb3k2x9c', value: row('tag-6', 6, 7) });
    const alarms = await harness.output(pipeline, 'alarms');
    expect(alarms.length).toBe(110);
    expect(alarms[0]?.value).not.toHaveProperty('note');

    const letters = await harness.deadLetters(pipeline);
    expect(
      letters
        .map(({ loadId, row: n, reason }) => `${loadId} ${loadId === LOAD_B ? n : '-'} ${reason}`)
        .sort(),
    ).toEqual([
      `${'0'.repeat(16)} - MR-ROW-NO-MARK`,
      `${LOAD_B} 2 NEGATIVE`,
      `${LOAD_B} 4 MR-ROW-UNREADABLE`,
      `${LOAD_B} 5 MR-ROW-UNREADABLE`,
      `${LOAD_B} 6 MR-ROW-UNREADABLE`,
    ]);
    expect(letters.find(({ row: n, loadId }) => loadId === LOAD_B && n === 4)?.original?.toString()).toBe(
      'not avro',
    );

    const ledger = await harness.ledger(pipeline);
    const [a, b] = [LOAD_A, LOAD_B].map((id) =>
      reconcile(ledger, () => []).find(({ loadId }) => loadId === id),
    );
    expect(a && formatTally(a.accepted)).toBe(
      tallyOf(
        LOAD_A,
        rows.map((one) => one.row),
      ),
    );
    expect(a?.emitted.alarms?.n).toBe(110);
    expect(b && [b.accepted, b.duplicates, b.filtered, b.rejected].map(formatTally)).toEqual([
      tallyOf(LOAD_B, []),
      tallyOf(LOAD_B, [1]),
      tallyOf(LOAD_B, [3]),
      tallyOf(LOAD_B, [2, 4, 5, 6]),
    ]);
    // First offsets are exact: of both loads' records, in every partition and output.
    for (const entry of ledger)
      for (const [output, counts] of Object.entries(entry.transform?.emitted ?? {})) {
        const records = output === 'clean' ? clean : alarms;
        for (const [partition, first] of Object.entries(counts.first)) {
          const offsets = records
            .filter((one) => one.partition === Number(partition) && one.mark.startsWith(entry.loadId))
            .map(({ offset }) => offset);
          expect(first).toBe(Math.min(...offsets));
        }
      }
  });

  it('settles a reject when its mended replay comes', async () => {
    const pipeline = pipelineOf(TWO_OUTPUTS, { name: harness.name() });
    await harness.create(pipeline);
    await using _running = await harness.run(pipeline);
    await harness.publish(pipeline, [{ load: LOAD_A, row: 1, value: row('x', 1, -1) }]);
    const replay = formatReplayMark({ loadId: LOAD_A, row: 1, attempt: 2, stage: 'transform' });
    await harness.publish(pipeline, [{ load: LOAD_A, row: 1, value: row('x', 1, 1), mark: replay }]);
    await harness.caughtUp(pipeline);
    const [account] = reconcile(await harness.ledger(pipeline), () => []);
    expect(account).toMatchObject({
      rejected: { n: 1 },
      resolved: { n: 1 },
      accepted: { n: 0 },
      openRejects: 0,
    });
    expect((await harness.output(pipeline, 'clean')).map(({ mark }) => mark)).toEqual([replay]);
  });
});

describe('takeover', () => {
  it('restores offset, counts and dedupe state: nothing again, nothing lost', async () => {
    const pipeline = pipelineOf({}, { name: harness.name() });
    await harness.create(pipeline);
    await harness.publish(pipeline, rowsOf(LOAD_A, 100));
    const first = await harness.run(pipeline);
    await harness.caughtUp(pipeline);
    await first.stop();
    await harness.publish(pipeline, rowsOf(LOAD_B, 100));
    await harness.publish(pipeline, [{ load: LOAD_A, row: 101, value: row('new', 5, 5) }]);
    await using second = await harness.run(pipeline);
    await harness.caughtUp(pipeline);
    expect(second.events.filter(({ type }) => type === 'taken-over').length).toBe(pipeline.partitions);

    expect((await harness.output(pipeline, 'clean')).length).toBe(101);
    const ledger = await harness.ledger(pipeline);
    const loads = reconcile(ledger, () => []);
    expect(loads.find(({ loadId }) => loadId === LOAD_B)).toMatchObject({
      accepted: { n: 0 },
      duplicates: { n: 100 },
    });
    expect(loads.find(({ loadId }) => loadId === LOAD_A)).toMatchObject({ accepted: { n: 101 } });
    // The counts went on in the part that was there: one entry per load and partition.
    const places = ledger.map(({ loadId, partition }) => `${loadId}/${partition}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it('halts on state of another layout, with a remedy', async () => {
    const pipeline = pipelineOf({}, { name: harness.name(), partitions: 1 });
    await harness.create(pipeline);
    await harness.publish(pipeline, rowsOf(LOAD_A, 1));
    const first = await harness.run(pipeline);
    await harness.caughtUp(pipeline);
    await first.stop();
    const transform = { ...pipeline.transform, ...TWO_OUTPUTS };
    await using second = await harness.run({ ...pipeline, transform, layoutHash: 'layout-2' });
    expect(await halted(second)).toMatchObject({
      code: 'MR-TRANSFORM-LAYOUT',
      remedy: expect.stringContaining('generation'),
    });
  });

  it('fences whoever had the partition: the fenced runner starts over, and the outputs stay exact', async () => {
    const pipeline = pipelineOf({}, { name: harness.name(), partitions: 1 });
    await harness.create(pipeline);
    await using running = await harness.run(pipeline);
    await harness.publish(pipeline, rowsOf(LOAD_A, 50));
    await harness.caughtUp(pipeline);
    const usurper = await harness.kafka.takeOver(
      `millrace.test.transformer.${pipeline.name}.0`,
      new AbortController().signal,
    );
    await harness.publish(pipeline, rowsOf(LOAD_B, 60));
    await harness.caughtUp(pipeline);
    await usurper.close();
    const failure = running.clientEvents.find((event) => event.type === 'runner-failed');
    expect(failure && 'error' in failure && failure.error).toMatchObject({ kind: 'fenced' });
    expect((await harness.output(pipeline, 'clean')).length).toBe(60);
    const loads = reconcile(await harness.ledger(pipeline), () => []);
    expect(loads.find(({ loadId }) => loadId === LOAD_B)).toMatchObject({
      accepted: { n: 10 },
      duplicates: { n: 50 },
    });
  });

  it('shares the partitions with a second process and takes them back', async () => {
    const pipeline = pipelineOf({}, { name: harness.name(), partitions: 4 });
    await harness.create(pipeline);
    await using one = await harness.run(pipeline);
    await waitFor(() => one.host.status().length === 4, { what: 'all partitions at the first' });
    const two = await harness.run(pipeline);
    await waitFor(() => one.host.status().length === 2 && two.host.status().length === 2, {
      what: 'two partitions each',
    });
    await harness.publish(pipeline, rowsOf(LOAD_A, 500));
    await harness.caughtUp(pipeline);
    expect(two.events.some((event) => event.type === 'batch-committed' && event.records > 0)).toBe(true);
    await two.stop();
    await waitFor(() => one.host.status().length === 4, { what: 'all partitions at the first again' });
    await harness.publish(pipeline, rowsOf(LOAD_B, 500));
    await harness.caughtUp(pipeline);
    expect((await harness.output(pipeline, 'clean')).length).toBe(500);
    const loads = reconcile(await harness.ledger(pipeline), () => []);
    expect(loads.find(({ loadId }) => loadId === LOAD_B)).toMatchObject({ duplicates: { n: 500 } });
  });
});

describe('a kill', () => {
  // Side by side: each waits for the group to notice that its member is gone.
  it.concurrent.each(['transform.after-send', 'transform.before-commit', 'transform.after-commit'])(
    'at %s leaves exact outputs, counts and dedupe state',
    async (point) => {
      const pipeline = pipelineOf(TWO_OUTPUTS, { name: harness.name(), partitions: 1 });
      await harness.create(pipeline);
      const rows = rowsOf(LOAD_A, 300, (i) => (i % 10 === 9 ? -1 : 95));
      await harness.publish(pipeline, rows);
      await using victim = harness.spawn(pipeline, { MILLRACE_CRASH_AT: point });
      expect(await victim.exited).toEqual({ code: null, signal: 'SIGKILL' });
      await using heir = await harness.run(pipeline);
      await harness.caughtUp(pipeline);
      // The same keys once more, as another load: what the killed process had committed is known, and so is the rest.
      await harness.publish(
        pipeline,
        rows.map((one) => ({ ...one, load: LOAD_B })),
      );
      await harness.caughtUp(pipeline);

      for (const name of ['clean', 'alarms'])
        expect((await harness.output(pipeline, name)).map(({ mark }) => mark)).toEqual(
          rows.filter((_, i) => i % 10 !== 9).map(({ row: n }) => formatMark(LOAD_A, n)),
        );
      const good = rows.filter((_, i) => i % 10 !== 9).map((one) => one.row);
      const bad = rows.filter((_, i) => i % 10 === 9).map((one) => one.row);
      const loads = reconcile(await harness.ledger(pipeline), () => []);
      const a = loads.find(({ loadId }) => loadId === LOAD_A);
      const b = loads.find(({ loadId }) => loadId === LOAD_B);
      expect(a && [a.accepted, a.duplicates, a.rejected].map(formatTally)).toEqual([
        tallyOf(LOAD_A, good),
        tallyOf(LOAD_A, []),
        tallyOf(LOAD_A, bad),
      ]);
      expect(b && [b.accepted, b.duplicates, b.rejected].map(formatTally)).toEqual([
        tallyOf(LOAD_B, []),
        tallyOf(LOAD_B, good),
        tallyOf(LOAD_B, bad),
      ]);
      expect((await harness.deadLetters(pipeline)).length).toBe(60);
      const again = heir.events.flatMap((event) => (event.type === 'taken-over' ? [event.next] : []));
      expect(again).toEqual([point === 'transform.after-commit' ? 300 : 0]);
    },
  );
});

describe('a bad world', () => {
  it('input that was deleted before the start halts, or is a recorded gap where the pipeline says so', async () => {
    const pipeline = pipelineOf({}, { name: harness.name(), partitions: 1 });
    await harness.create(pipeline);
    await harness.publish(pipeline, rowsOf(LOAD_A, 10));
    // Inside of a stored batch: the broker sends the whole batch again.
    await harness.deleteRaw(pipeline, 4);
    const first = await harness.run(pipeline);
    expect(await halted(first)).toMatchObject({
      code: 'MR-TRANSFORM-TRUNCATED',
      message: expect.stringContaining('0 to 3'),
      remedy: expect.stringContaining('onTruncation: gap'),
    });
    expect(await harness.state(pipeline)).toEqual(new Map());
    await first.stop();

    const lenient = pipelineOf({ onTruncation: 'gap' }, { name: pipeline.name, partitions: 1 });
    await using second = await harness.run(lenient);
    await harness.caughtUp(lenient);
    expect(second.events).toContainEqual({ type: 'gap', partition: 0, from: 0, to: 4 });
    expect(JSON.parse((await harness.state(lenient)).get('0 gap/0') ?? '{}')).toMatchObject({
      from: 0,
      to: 4,
    });
    expect((await harness.output(lenient, 'clean')).map(({ mark }) => mark)).toEqual(
      [5, 6, 7, 8, 9, 10].map((n) => formatMark(LOAD_A, n)),
    );
  });

  it.each(['halt', 'gap'] as const)(
    'input that is deleted under its feet: %s, and what was read before is in the outputs once',
    async (onTruncation) => {
      const pipeline = pipelineOf({ onTruncation }, { name: harness.name(), partitions: 1 });
      await harness.create(pipeline);
      const rows = rowsOf(LOAD_A, 200).map((one) => ({
        ...one,
        value: { ...one.value, note: 'x'.repeat(50_000) },
      }));
      await harness.publish(pipeline, rows);
      const byteBudget = new ByteBudget(1);
      const release = await byteBudget.take(1);
      await using running = await harness.run(pipeline, { byteBudget });
      await waitFor(() => running.events.some(({ type }) => type === 'taken-over'), { what: 'the takeover' });
      // Nothing is processed while we hold the budget; at most a few fetches of a mebibyte are in memory.
      await harness.deleteRaw(pipeline, 190);
      release();
      if (onTruncation === 'halt') {
        expect(await halted(running)).toMatchObject({ code: 'MR-TRANSFORM-TRUNCATED' });
      } else await harness.caughtUp(pipeline);

      const gap = running.events.find((event) => event.type === 'gap');
      const marks = (await harness.output(pipeline, 'clean')).map(({ mark }) => mark);
      const read = onTruncation === 'halt' ? marks.length : marks.length - 10;
      expect(read).toBeLessThan(190);
      expect(marks).toEqual(
        rows
          .filter(({ row: n }) => n <= read || (onTruncation === 'gap' && n > 190))
          .map(({ row: n }) => formatMark(LOAD_A, n)),
      );
      if (onTruncation === 'gap') expect(gap).toEqual({ type: 'gap', partition: 0, from: read, to: 190 });
      else expect(gap).toBeUndefined();
    },
  );

  it('state that lost its position halts: starting over beside it would double every row', async () => {
    const pipeline = pipelineOf({}, { name: harness.name(), partitions: 1 });
    await harness.create(pipeline);
    const outbox = harness.kafka.newOutbox();
    outbox.add(`${pipeline.name}.state.transform`, 0, 'gap/1', Buffer.from('{}'));
    await harness.kafka.produce(outbox, new AbortController().signal);
    await using running = await harness.run(pipeline);
    expect(await halted(running)).toMatchObject({ code: 'MR-TRANSFORM-STATE-WITHOUT-POSITION' });
  });

  it('without the registry nothing is rejected; when it is back the records go through', async () => {
    const pipeline = pipelineOf({}, { name: harness.name(), partitions: 1 });
    await harness.create(pipeline);
    const registry = new URL(harness.registryUrl);
    await using proxy = await createProxy({ host: registry.hostname, port: Number(registry.port) });
    registry.port = String(proxy.port);
    await using running = await harness.run(pipeline, { registryUrl: registry.href });
    await waitFor(() => running.events.some(({ type }) => type === 'taken-over'), { what: 'the takeover' });
    // Registered, but the transformer has not asked for it yet.
    await harness.register(pipeline);
    proxy.refuse();
    proxy.cut();
    await harness.publish(pipeline, rowsOf(LOAD_A, 10));
    await waitFor(() => running.clientEvents.find((event) => event.type === 'runner-failed'), {
      what: 'the runner to give up for now',
    });
    await proxy.resume();
    await harness.caughtUp(pipeline);
    expect(await harness.deadLetters(pipeline)).toEqual([]);
    expect((await harness.output(pipeline, 'clean')).length).toBe(10);
  });
});
