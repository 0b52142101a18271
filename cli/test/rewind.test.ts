import { randomBytes } from 'node:crypto';
import { cataloguedPipeline, loadPipelines } from '@millrace/config';
import { LEDGER_ENTRY_SCHEMA, LEDGER_TOPIC, ledgerKey, pipelineTopics, topics } from '@millrace/contracts';
import { claim, connect, provision, sinkColumn } from '@millrace/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RewindOptions, rewindSink } from '../src/commands/rewind.ts';
import { status } from '../src/commands/status.ts';
import { fiveRows, makeScene, publish, runCommand, type Scene } from './harness.ts';

const loadId = randomBytes(8).toString('hex');
const APPLIED = [3, 1];
let scene: Scene;
let sink: string;

/** Records in the output, and a sink that has applied them all: as it would stand when it is idle. */
beforeAll(async () => {
  scene = await makeScene('rewind');
  sink = `${scene.pipeline.name}/table`;
  const [pipeline] = loadPipelines(scene.folder, scene.variables).pipelines;
  const [definition] = pipeline?.sinks ?? [];
  if (!pipeline || !definition) throw new Error('the pipeline file of the test is broken');
  await scene.kafka.ensureTopics(pipelineTopics(cataloguedPipeline(pipeline)));
  const topic = topics.output(scene.pipeline, 'clean');
  const value = Buffer.from('any');
  await publish(
    scene,
    topic,
    null,
    APPLIED.flatMap((n, partition) => Array.from({ length: n }, () => ({ partition, key: null, value }))),
  );
  const entries = fiveRows(scene.pipeline.name, loadId);
  await publish(
    scene,
    LEDGER_TOPIC,
    LEDGER_ENTRY_SCHEMA,
    entries.map((entry) => ({ partition: 5, key: ledgerKey(entry), value: entry })),
  );
  const connection = await connect({ url: definition.target.url.reveal(), applicationName: 'cli test' });
  await provision(connection, definition, { createTable: true });
  const identity = { instance: 'cli-test', pipeline: scene.pipeline.name, sink: 'table' };
  for (const [partition, next] of APPLIED.entries()) {
    await claim(connection, {
      schema: definition.schema,
      sink: sinkColumn(identity),
      topic,
      partition,
      owner: 'cli test',
      clusterId: await scene.kafka.clusterId(),
      layoutHash: definition.layoutHash,
      logStart: next,
    });
  }
  await connection.close();
});

afterAll(() => scene.close());

interface Report {
  readonly offsets: number;
  readonly partitions: readonly { partition: number; from: number; to: number; moved: boolean }[];
}

async function rewound(options: RewindOptions): Promise<Report> {
  const { out } = await runCommand(scene, (s) => rewindSink(s, sink, options), { json: true });
  return JSON.parse(out) as Report;
}

test('a plan shows what would be applied again and changes nothing', async () => {
  const plan = await rewound({ to: 'beginning', plan: true });
  expect(plan).toMatchObject({
    offsets: 4,
    partitions: [
      { partition: 0, from: 3, to: 0, moved: false },
      { partition: 1, from: 1, to: 0, moved: false },
    ],
  });
  expect(await rewound({ to: 'beginning', plan: true })).toEqual(plan);
});

test('to an offset, then to a load: the positions in the target go down, and status shows it', async () => {
  expect(await rewound({ to: '2', plan: false })).toMatchObject({
    offsets: 1,
    partitions: [
      { from: 3, to: 2, moved: true },
      { from: 1, to: 1, moved: false },
    ],
  });
  expect(await rewound({ load: loadId, plan: false })).toMatchObject({
    partitions: [
      { from: 2, to: 0, moved: true },
      { from: 1, to: 1, moved: false },
    ],
  });
  const { out } = await runCommand(scene, (s) => status(s, scene.pipeline.name), { json: true });
  const [shown] = (JSON.parse(out) as { pipelines: { stages: object[] }[] }).pipelines;
  expect(shown?.stages[2]).toMatchObject({ stage: 'sink.table', lag: 3, problem: null });
});

test('what makes no sense is named', async () => {
  const run = (name: string, options: RewindOptions) =>
    runCommand(scene, (s) => rewindSink(s, name, options));
  const plan = { to: 'beginning', plan: true };
  await expect(run('no-slash', plan)).rejects.toThrow('is not <pipeline>/<sink>');
  await expect(run(`${scene.pipeline.name}/other`, plan)).rejects.toThrow('has no sink "other"');
  await expect(run(sink, { plan: true })).rejects.toThrow('nothing, or too much');
});
