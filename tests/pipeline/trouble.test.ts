import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '@millrace/testkit';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { expectedRows, PIPELINE, Plant, type Row, readings } from './plant.ts';

const env = inject('stack');
let plant: Plant;
afterEach(() => plant?.[Symbol.asyncDispose]());

const OUT_OF_RANGE: Row = { tag: 'Line1.Temp', second: 1_790_000_000, value: 5e9 };

describe('trouble', () => {
  it('one bad row of 10,000 costs that row in the sink', async () => {
    plant = await Plant.create({ env });
    await plant.db.query(
      `CREATE TABLE "${plant.table}" ("ID" bigint GENERATED ALWAYS AS IDENTITY, "TagName" text NOT NULL, "Timestamp" timestamptz NOT NULL, "Value" double precision CHECK ("Value" <> 77.25), "ImportDate" timestamptz NOT NULL DEFAULT now(), millrace_file_time timestamptz NOT NULL, millrace_load text NOT NULL, millrace_row bigint NOT NULL, UNIQUE ("TagName", "Timestamp"))`,
    );
    plant.startAll();
    const rows = readings(10_000);
    await plant.deliver('a.csv', rows);
    const [load] = await plant.settled(1);
    expect(load).toMatchObject({
      state: 'balancedWithRejects',
      openRejects: 1,
      emitted: { clean: { n: 10_000 } },
    });
    expect(load?.sinks.tagdata).toMatchObject({ rejected: { n: 1 }, inserted: 9_999 });
    expect((await plant.rows()).size).toBe(9_999);
    const letters = await plant.millrace('dead-letters', 'ls', '--pipeline', plant.name, '--json');
    expect(letters.output).toContain('sink.tagdata');
  });

  it('a column that is too narrow for all pauses the sink and floods nothing', async () => {
    plant = await Plant.create({ env });
    await plant.db.query(
      `CREATE TABLE "${plant.table}" ("ID" bigint GENERATED ALWAYS AS IDENTITY, "TagName" text NOT NULL CHECK (length("TagName") < 3), "Timestamp" timestamptz NOT NULL, "Value" double precision, "ImportDate" timestamptz NOT NULL DEFAULT now(), millrace_file_time timestamptz NOT NULL, millrace_load text NOT NULL, millrace_row bigint NOT NULL, UNIQUE ("TagName", "Timestamp"))`,
    );
    const { 'sql-sink': sink } = plant.startAll();
    await plant.deliver('a.csv', readings(2_000));
    await sink.waitForLog(
      (line) => line.event === 'trouble' && line.kind === 'systemic',
      'the sink to pause',
    );
    const letters = await plant.millrace('dead-letters', 'ls', '--pipeline', plant.name, '--json');
    expect(letters.json()).toMatchObject({ total: 0 });
    // Mended by hand, it goes on by itself.
    await plant.db.query(`ALTER TABLE "${plant.table}" DROP CONSTRAINT "${plant.table}_TagName_check"`);
    const [load] = await plant.settled(1);
    expect(load?.state).toBe('balanced');
    expect(await plant.rows()).toEqual(expectedRows(readings(2_000)));
  });

  it('dead letters replayed after the pipeline was mended make the load balanced', async () => {
    plant = await Plant.create({ env });
    const services = plant.startAll();
    const good = readings(100);
    await plant.deliver('a.csv', [...good, OUT_OF_RANGE]);
    const [before] = await plant.settled(1);
    expect(before).toMatchObject({ state: 'balancedWithRejects', openRejects: 1 });
    await services.transformer.stop();
    await plant.writePipeline(PIPELINE.replace('value > 1.0e9', 'value > 1.0e10'));
    plant.start('transformer');
    const replayed = await plant.millrace('dead-letters', 'replay', '--pipeline', plant.name);
    expect(replayed.output).toContain('1');
    expect(replayed.code).toBe(0);
    await waitFor(async () => (await plant.loads())[0]?.state === 'balanced', {
      what: 'the load to be balanced',
    });
    expect(await plant.rows()).toEqual(expectedRows([...good, OUT_OF_RANGE]));
    const again = await plant.millrace('dead-letters', 'ls', '--pipeline', plant.name, '--json');
    expect(again.json()).toMatchObject({ total: 0 });
  });

  it('one broken pipeline file leaves the others running', async () => {
    plant = await Plant.create({ env });
    await writeFile(join(plant.pipelines, 'broken.yaml'), 'pipeline: broken\nsource:\n  sftpp: {}\n');
    const services = plant.startAll();
    await plant.deliver('a.csv', readings(100));
    const [load] = await plant.settled(1);
    expect(load?.state).toBe('balanced');
    for (const service of Object.values(services))
      expect(service.logs.some((line) => JSON.stringify(line).includes('broken.yaml:3'))).toBe(true);
    const lint = await plant.millrace('lint', plant.pipelines);
    expect(lint.code).toBe(2);
    expect(lint.output).toMatch(/broken\.yaml:3:3.*sftpp/);
    expect(lint.output).toContain('sftp');
  });

  it('a planted password is found in no log, error, topic or output', async () => {
    const secret = env.SFTP_PASSWORD ?? '';
    const database = new URL(env.DATABASE_URL ?? 'postgres://x').password;
    expect(secret.length).toBeGreaterThan(7);
    plant = await Plant.create({ env });
    const { 'ingest-sftp': ingest } = plant.startAll();
    await plant.deliver('a.csv', [...readings(50), OUT_OF_RANGE]);
    await plant.settled(1);
    // A refused login and a broken URL are where secrets like to be printed.
    const stranger = plant.start('ingest-sftp', {
      SFTP_USER: 'nobody',
      MILLRACE_INSTANCE: `${plant.name}-x`,
      LOG_LEVEL: 'debug',
    });
    await stranger.waitForLog(
      (line) => Number(line.level ?? 0) >= 40 || /warn|error/.test(String(line.level)),
      'the refused login',
    );
    const lost = plant.start('sql-sink', {
      DATABASE_URL: (env.DATABASE_URL ?? '').replace(/:\d+\//, ':1/'),
      MILLRACE_INSTANCE: `${plant.name}-y`,
    });
    await lost.waitForLog((line) => line.event === 'trouble', 'the lost database');
    const outputs = await Promise.all([
      plant.millrace('loads'),
      plant.millrace('status'),
      plant.millrace('lint', plant.pipelines),
      plant.millrace('dead-letters', 'ls', '--pipeline', plant.name, '--json'),
    ]);
    const texts = [
      ...plant.services.flatMap((service) => service.logs.map((line) => JSON.stringify(line))),
      ...outputs.map(({ output }) => output),
    ];
    for (const topic of await plant.topicTexts()) texts.push(topic);
    expect(texts.length).toBeGreaterThan(20);
    expect(texts.filter((text) => text.includes(secret) || text.includes(database))).toEqual([]);
    expect(ingest.running).toBe(true);
  });
});
