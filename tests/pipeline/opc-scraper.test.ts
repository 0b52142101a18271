import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { tempDir } from '@millrace/testkit';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

interface Document {
  readonly balanced: boolean;
  readonly loads: readonly { readonly source: string; readonly state: string; readonly rows: number }[];
  readonly targets: Readonly<Record<string, number>>;
}

// The example itself exits 0 only when each sequence number issued is in the table once and each aggregate equals
// its recomputation from the rows.
test('npm run example -- opc-scraper --once --json: live tags end in hypertable and aggregates, and every load reconciles', async () => {
  await using dir = await tempDir();
  const script = join(root, 'scripts', 'example.ts');
  const child = spawn(process.execPath, [script, 'opc-scraper', '--once', '--json', '--state', dir.path], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  expect(code, err).toBe(0);
  const document = JSON.parse(out) as Document;
  expect(document.balanced).toBe(true);
  expect(document.loads.length).toBeGreaterThan(0);
  for (const load of document.loads) {
    expect(load.source).toMatch(/^opcua:\/\//);
    expect(load.state).toBe('balanced');
  }
  const rows = document.loads.reduce((sum, load) => sum + load.rows, 0);
  expect(rows).toBeGreaterThan(1_000);
  expect(document.targets.sensor_data).toBeGreaterThan(1_000);
  expect(document.targets.rolling_count_sensor_data_5s).toBeGreaterThan(0);
});
