import { randomBytes } from 'node:crypto';
import { cataloguedPipeline, loadPipelines } from '@millrace/config';
import {
  DEAD_LETTER_SCHEMA,
  deadLetterHeaders,
  deadLetterKey,
  deadLetterOf,
  LEDGER_ENTRY_SCHEMA,
  LEDGER_TOPIC,
  ledgerKey,
  pipelineTopics,
  type RejectedRecord,
  streamSchema,
  streamTypeOptions,
  type Task,
  topics,
} from '@millrace/contracts';
import { createWireDecoder, type FetchedRecord } from '@millrace/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listDeadLetters, showDeadLetter } from '../src/commands/dead-letters.ts';
import { load, loads } from '../src/commands/loads.ts';
import { replay } from '../src/commands/replay.ts';
import { status } from '../src/commands/status.ts';
import { tail } from '../src/commands/tail.ts';
import { fiveRows, makeScene, publish, runCommand, type Scene } from './harness.ts';

/** Sixteen letters of the load id's alphabet, another one each time. */
const newLoadId = (): string => randomBytes(8).toString('hex');

const FIELDS = [
  { name: 'tagName', type: { kind: 'string' } as const, optional: false },
  { name: 'at', type: { kind: 'timestamp' } as const, optional: false },
  { name: 'value', type: { kind: 'int64' } as const, optional: false },
];

async function recordsOf(scene: Scene, topic: string): Promise<FetchedRecord[]> {
  const signal = AbortSignal.timeout(20_000);
  const found: FetchedRecord[] = [];
  for (const partition of [0, 1]) {
    for await (const batch of scene.kafka.readToEnd(topic, partition, { signal }))
      found.push(...batch.records);
  }
  return found;
}

let scene: Scene;
const loadId = newLoadId();

beforeAll(async () => {
  scene = await makeScene('look');
  const [pipeline] = loadPipelines(scene.folder, scene.variables).pipelines;
  if (!pipeline) throw new Error('the pipeline file of the test is broken');
  await scene.kafka.ensureTopics(pipelineTopics(cataloguedPipeline(pipeline)));
  await publish(
    scene,
    LEDGER_TOPIC,
    LEDGER_ENTRY_SCHEMA,
    fiveRows(scene.pipeline.name, loadId).map((entry) => ({
      partition: 3,
      key: ledgerKey(entry),
      value: entry,
    })),
  );
});

afterAll(() => scene.close());

describe('loads', () => {
  test('are read from the ledger and reconciled', async () => {
    const { out } = await runCommand(scene, (s) => loads(s, { pipeline: scene.pipeline.name, limit: 10 }), {
      json: true,
    });
    expect(JSON.parse(out)).toMatchObject({
      total: 1,
      loads: [
        {
          load: loadId,
          state: 'balancedWithRejects',
          rows: 5,
          duplicates: 1,
          openRejects: 1,
          emitted: { clean: 3 },
          sinks: { table: { inserted: 3 } },
        },
      ],
    });
  });

  test('one load shows file, equations and what to do next', async () => {
    const { out } = await runCommand(scene, (s) => load(s, loadId.slice(0, 12)));
    expect(out).toContain('/in/Übersicht.csv');
    expect(out).toContain('✓  transform   published 5 = accepted 3 + duplicates 1 + filtered 0 + rejected 1');
    expect(out).toContain(`millrace dead-letters ls --pipeline ${scene.pipeline.name} --load ${loadId}`);
    await expect(runCommand(scene, (s) => load(s, 'nosuchload'))).rejects.toThrow('there is no load');
  });
});

describe('tail', () => {
  const record = (partition: number, tagName: string, value: bigint, row: number) => ({
    partition,
    key: tagName,
    value: { tagName, at: 1_700_000_000_123_456, value },
    headers: [['m', `${loadId}:${row.toString(36)}`] as const],
  });

  beforeAll(async () => {
    const topic = topics.output(scene.pipeline, 'clean');
    await publish(
      scene,
      topic,
      streamSchema(scene.pipeline, 'clean', FIELDS),
      [record(0, 'T1', 2n ** 53n + 1n, 1), record(1, 'T2', -1n, 40), record(0, 'T1', 3n, 3)],
      streamTypeOptions(),
    );
  });

  const tailed = async (options: Partial<Parameters<typeof tail>[2]>): Promise<unknown[]> => {
    const topic = topics.output(scene.pipeline, 'clean');
    const all = { from: 'beginning' as const, follow: false, ...options };
    const { out } = await runCommand(scene, (s) => tail(s, topic, all), { json: true });
    return out
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  };

  test('decodes value, key and mark without loss', async () => {
    const topic = topics.output(scene.pipeline, 'clean');
    const { out } = await runCommand(scene, (s) => tail(s, topic, { from: 'beginning', follow: false }));
    expect(out).toContain(
      `T1  ${loadId}:1  tagName=T1 at=2023-11-14T22:13:20.123456Z value=9007199254740993`,
    );
    expect(await tailed({ where: 'tagName == "T2"' })).toMatchObject([
      { partition: 1, key: 'T2', m: `${loadId}:14`, load: loadId, row: 40, value: { value: -1 } },
    ]);
  });

  test('narrows by condition, offset, partition and limit', async () => {
    expect(await tailed({ where: 'value > 2 && record.key == "T1"' })).toHaveLength(2);
    expect(await tailed({ limit: 2 })).toHaveLength(2);
    expect(await tailed({ partition: 0, from: 1 })).toMatchObject([{ offset: 1 }]);
    expect(await tailed({ from: 'latest' })).toEqual([]);
  });

  test('follows until it has seen enough', async () => {
    const topic = topics.output(scene.pipeline, 'clean');
    const following = runCommand(scene, (s) =>
      tail(s, topic, { from: 2, follow: true, limit: 1, partition: 0 }),
    );
    await publish(
      scene,
      topic,
      streamSchema(scene.pipeline, 'clean', FIELDS),
      [record(0, 'T9', 9n, 9)],
      streamTypeOptions(),
    );
    expect((await following).out).toContain('tagName=T9');
  });

  test('shows state as JSON and the ledger decoded; a topic that is not there is a mistake', async () => {
    const state = topics.state(scene.pipeline, 'transform');
    await publish(scene, state, null, [{ partition: 0, key: 'next', value: Buffer.from('{"next":3}') }]);
    const { out } = await runCommand(scene, (s) => tail(s, state, { from: 'beginning', follow: false }));
    expect(out).toContain('next  next=3');
    const ledger = await runCommand(scene, (s) =>
      tail(s, LEDGER_TOPIC, {
        from: 'beginning',
        follow: false,
        where: `loadId == "${loadId}" && stage == "ingest"`,
      }),
    );
    expect(ledger.out).toContain('path=/in/Übersicht.csv size=10');
    await expect(
      runCommand(scene, (s) => tail(s, 'no-such-topic', { from: 'latest', follow: true })),
    ).rejects.toThrow('there is no topic');
  });
});

describe('status', () => {
  test('says how far each stage is', async () => {
    const { out } = await runCommand(scene, (s) => status(s, scene.pipeline.name), { json: true });
    const [shown] = (JSON.parse(out) as { pipelines: Record<string, unknown>[] }).pipelines;
    expect(shown).toMatchObject({
      pipeline: scene.pipeline.name,
      loads: { balancedWithRejects: 1 },
      stages: [{ stage: 'ingest', lag: 0 }, { stage: 'transform' }, { stage: 'sink.table' }],
    });
  });
});

describe('dead letters', () => {
  let other: Scene;
  const ids = { raw: newLoadId(), file: newLoadId() };

  const letter = (over: Partial<RejectedRecord>): ReturnType<typeof deadLetterOf> =>
    deadLetterOf({
      pipeline: other.pipeline.name,
      mark: { loadId: ids.raw, row: 5, attempt: 1, stage: '' },
      stage: 'transform',
      reason: { code: 'MR-ROW-TEST', message: 'the value is not what it should be' },
      original: Buffer.from([0, 1, 2]),
      encoding: 'binary',
      rejectedAt: 1_700_000_000_000,
      kafka: { topic: topics.raw(other.pipeline), partition: 1, offset: 7, key: Buffer.from('T1') },
      ...over,
    });

  const fromFile = (): ReturnType<typeof deadLetterOf> => ({
    ...letter({ stage: 'ingest', mark: { loadId: ids.file, row: 2, attempt: 1, stage: '' } }),
    topic: null,
    partition: null,
    offset: null,
    recordKey: null,
    original: Buffer.from('T1;x;1'),
    encoding: 'utf-8',
    sourcePath: '/in/Übersicht.csv',
    sourceLine: 3,
  });

  const toRecord = (one: ReturnType<typeof deadLetterOf>) => ({
    partition: 1,
    key: deadLetterKey(one),
    value: one,
    headers: deadLetterHeaders(one),
  });

  beforeAll(async () => {
    other = await makeScene('replay');
    const [pipeline] = loadPipelines(other.folder, other.variables).pipelines;
    if (!pipeline) throw new Error('the pipeline file of the test is broken');
    await other.kafka.ensureTopics(pipelineTopics(cataloguedPipeline(pipeline)));
    const entries = [...fiveRows(other.pipeline.name, ids.raw), ...fiveRows(other.pipeline.name, ids.file)];
    await publish(
      other,
      LEDGER_TOPIC,
      LEDGER_ENTRY_SCHEMA,
      entries.map((entry) => ({ partition: 0, key: ledgerKey(entry), value: entry })),
    );
    const tooLong = letter({
      original: Buffer.alloc(300 * 1024),
      kafka: { topic: topics.raw(other.pipeline), partition: 1, offset: 8, key: null },
    });
    await publish(
      other,
      topics.deadLetters(other.pipeline),
      DEAD_LETTER_SCHEMA,
      [letter({}), fromFile(), tooLong, letter({})].map(toRecord),
    );
  });

  afterAll(() => other.close());

  test('are listed once each, and shown whole', async () => {
    const { out } = await runCommand(other, (s) => listDeadLetters(s, { limit: 10 }), { json: true });
    expect(JSON.parse(out)).toMatchObject({ total: 3, reasons: { 'MR-ROW-TEST': 3 } });
    const shown = await runCommand(other, (s) => showDeadLetter(s, deadLetterKey(fromFile())));
    expect(shown.out).toContain('original  T1;x;1');
    expect(shown.out).toContain('line      3');
  });

  test('a plan changes nothing', async () => {
    const { out } = await runCommand(other, (s) => replay(s, { plan: true }));
    expect(out).toContain('2 dead letters would be replayed; nothing was changed, 1 not');
    expect(await recordsOf(other, topics.raw(other.pipeline))).toEqual([]);
  });

  test('are replayed once, each to the input of its stage, and are gone', async () => {
    const { out } = await runCommand(other, (s) => replay(s, { plan: false }));
    expect(out).toContain('2 dead letters replayed, 1 not');
    expect(out).toContain('307200 bytes was too long');

    const [raw, ...moreRaw] = await recordsOf(other, topics.raw(other.pipeline));
    expect(moreRaw).toEqual([]);
    expect(raw?.key?.toString()).toBe('T1');
    expect(raw?.value).toEqual(Buffer.from([0, 1, 2]));
    expect(raw?.header('m')?.toString()).toBe(`${ids.raw}:5:2:transform`);
    expect(raw?.header('t')?.toString()).toBe((1_700_000_000_000).toString(36));

    const [task, ...moreTasks] = await recordsOf(other, topics.tasks(other.pipeline));
    expect(moreTasks).toEqual([]);
    const decoder = createWireDecoder<Task>(other.registry);
    await decoder.prepare(decoder.schemaIdOf(task?.value ?? Buffer.alloc(0)));
    expect(decoder.decode(task?.value ?? Buffer.alloc(0))).toMatchObject({
      loadId: ids.file,
      path: '/in/Übersicht.csv',
      replay: { attempt: 2, original: Buffer.from('T1;x;1') },
    });

    const again = await runCommand(other, (s) => replay(s, { plan: false }), { json: true });
    expect(JSON.parse(again.out)).toMatchObject({ replayed: [], refused: [{}] });
    expect(await recordsOf(other, topics.raw(other.pipeline))).toHaveLength(1);
  });

  test('a key that is not there is a mistake', async () => {
    await expect(
      runCommand(other, (s) => replay(s, { plan: false, keys: ['transform/x/1/2'] })),
    ).rejects.toThrow('there is no dead letter "transform/x/1/2"');
  });
});
