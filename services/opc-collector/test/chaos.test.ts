import { type OpcuaFault, type Stack, startStack } from '@millrace/stack';
import { type TempDir, tempDir, waitFor } from '@millrace/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Harness } from './harness.ts';

let dir: TempDir;
let plant: Stack<'opcua'>;
let control: Stack<'opcua'>['opcua'];

beforeAll(async () => {
  dir = await tempDir('millrace-opcua-');
  plant = await startStack({ dir: dir.path, parts: ['opcua'], keepData: false, progress: () => undefined });
  control = plant.opcua;
});

afterAll(async () => {
  await plant.stop();
  await dir.remove();
});

afterEach(async () => {
  await control.fault({ kind: 'heal' });
});

/** Once it is over, each lasting fault is healed when the collector has noticed it. */
const FAULTS: readonly (readonly [OpcuaFault, heals: boolean])[] = [
  [{ kind: 'cut' }, false],
  [{ kind: 'dropSessions' }, false],
  [{ kind: 'dropSubscriptions' }, false],
  [{ kind: 'restart', shiftNamespaces: true, downMs: 500 }, false],
  [{ kind: 'silent' }, true],
  [{ kind: 'stall' }, true],
];

test.each(FAULTS)(
  '%j: readings resume, the span is a gap, and history makes the counts complete',
  async (fault, heals) => {
    const tags = (await control.issued()).slice(0, 5);
    const nodes = tags.map(({ id }) => `"nsu=${plant.env.OPCUA_NAMESPACE_URI};s=${id}"`).join(', ');
    const groups = `      - { name: fast, nodes: [${nodes}], sampling: 10ms, publishing: 200ms }\n`;
    await using h = await Harness.create({ endpoint: plant.env.OPCUA_ENDPOINT ?? '', groups });
    await using collector = await h.run();
    await collector.event('server-up');
    for (const { id } of tags)
      await waitFor(async () => (await h.values(id)).length > 3, { what: `readings of ${id}` });
    await control.fault(fault);
    const noticed = (type: string): boolean => ['stale', 'server-lost', 'subscription-ended'].includes(type);
    await waitFor(() => collector.events.some((one) => noticed(one.type)), {
      what: 'the fault to be noticed',
      deadlineMs: 60_000,
    });
    if (heals) await control.fault({ kind: 'heal' });
    await collector.event('backfilled');
    const issued = (await control.issued()).slice(0, 5);
    for (const { id, last } of issued) await h.arrived(id, last + 10);
    const { gaps } = await h.account();
    expect(gaps.length).toBeGreaterThan(0);
    for (const { id } of issued) {
      const values = [...new Set(await h.values(id))].sort((x, y) => x - y);
      const [first = 0] = values;
      expect(values, id).toEqual(Array.from({ length: values.length }, (_, i) => first + i));
    }
  },
);
