import { createWriteStream } from 'node:fs';
import { rename, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { waitFor } from '@millrace/testkit';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { PIPELINE, Plant } from './plant.ts';

const env = inject('stack');
let plant: Plant;
afterEach(() => plant?.[Symbol.asyncDispose]());

/** Rows of 100 bytes: a long tag name. 200 MiB are about 2.1 million of them. */
const ROWS = 2_100_000;

async function deliverBig(file: string, rows: number, valueOfFirst: number): Promise<void> {
  function* chunks(): Generator<string> {
    yield 'TagName;Timestamp;Value\n';
    for (let from = 0; from < rows; from += 5_000) {
      let text = '';
      for (let row = from; row < Math.min(rows, from + 5_000); row += 1) {
        const at = new Date(1_700_000_000_000 + Math.floor(row / 50) * 1_000).toISOString();
        text += `Plant.Hall.Line${row % 50}.A rather long name of a tag, as plants have them.Temp;${at};${row === 0 ? valueOfFirst : row}\n`;
      }
      yield text;
    }
  }
  const part = join(plant.exports, `${file}.part`);
  await pipeline(Readable.from(chunks()), createWriteStream(part));
  await rename(part, join(plant.exports, file));
}

describe('a killed ingest of a 200 MiB file', () => {
  it('resumes at its recorded row, in a heap that holds a fraction of the file', async () => {
    plant = await Plant.create({ env });
    await deliverBig('big.csv', ROWS, 1);
    const first = plant.start('ingest-sftp');
    const rowsOf = async () => (await plant.loads())[0]?.rows.n ?? 0;
    await waitFor(async () => (await rowsOf()) > ROWS / 4, {
      what: 'a quarter of the file',
      deadlineMs: 120_000,
    });
    first.kill('SIGKILL');
    await first.exited;
    const recorded = await rowsOf();
    // V8 ends the process when its old generation outgrows this; idle, the service takes about half of it.
    const second = plant.start('ingest-sftp', { NODE_OPTIONS: '--max-old-space-size=64' });
    const resumed = await second.waitForLog(
      (line) => line.event === 'load-resumed',
      'the file to be resumed',
    );
    expect(resumed.row).toBe(recorded);
    const [load] = await waitFor(
      async () => {
        const loads = await plant.loads();
        return loads[0]?.sourceState === 'published' ? loads : null;
      },
      { what: 'the file to be published', deadlineMs: 240_000 },
    );
    expect(load).toMatchObject({ rows: { n: ROWS }, published: { n: ROWS }, rejectedAtSource: { n: 0 } });
  });

  it('is abandoned when the file changed meanwhile, and the new version is complete', async () => {
    plant = await Plant.create({ env, pipeline: PIPELINE.replace('stableFor: 300ms', 'stableFor: 1s') });
    await deliverBig('big.csv', 400_000, 1);
    const first = plant.start('ingest-sftp');
    await waitFor(async () => ((await plant.loads())[0]?.rows.n ?? 0) > 50_000, { what: 'some of the file' });
    first.kill('SIGKILL');
    await first.exited;
    await deliverBig('big.csv', 400_000, 2);
    await utimes(join(plant.exports, 'big.csv'), new Date(), new Date());
    plant.startAll();
    const loads = await plant.settled(2, 180_000);
    const [old, fresh] = loads.sort((x, y) => x.version - y.version);
    expect(old?.state).toBe('abandoned');
    expect(fresh).toMatchObject({ state: 'balanced', rows: { n: 400_000 } });
  });
});
