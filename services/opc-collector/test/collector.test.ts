import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '@millrace/testkit';
import { DataType } from 'node-opcua-client';
import { describe, expect, test } from 'vitest';
import { nodeDisk } from '../src/adapters/disk/node-disk.ts';
import { counted, Harness } from './harness.ts';
import type { PlantServer } from './plant-server.ts';

/** Issues values one by one, so that the server's queue never overflows. */
async function issue(server: PlantServer, count: number): Promise<number> {
  let last = 0;
  for (let i = 0; i < count; i += 1) {
    last = server.issue();
    await delay(5);
  }
  return last;
}

describe('tags of a server', () => {
  test('become readings, each once, typed; the account says so; stopping closes the session', async () => {
    await using h = await Harness.create();
    const server = await h.server();
    server.addTag('T1');
    server.addTag('T2');
    server.addValue('long', DataType.Int64, [0x7fffffff, 0xffffffff]);
    server.addValue('flag', DataType.Boolean, true);
    server.addValue('name', DataType.String, 'Püree');
    server.addValue('list', DataType.Int32, new Int32Array([1, 2, 3]), true);
    await using collector = await h.run();
    await collector.event('server-up');
    await h.arrived('Area/T1', 0);
    const last = await issue(server, 300);
    expect(await h.arrived('Area/T1', last)).toEqual(counted(0, last));
    expect(await h.arrived('Area/T2', last)).toEqual(counted(0, last));
    const readings = await h.readings();
    const one = (tag: string) => readings.find((reading) => reading.tag === tag);
    expect(one('Area/long')).toMatchObject({ value: null, valueLong: 9223372036854775807n, sensor: 'Area' });
    expect(one('Area/flag')).toMatchObject({
      value: null,
      valueBoolean: true,
      quality: 'good',
      statusCode: 0n,
    });
    expect(one('Area/name')).toMatchObject({ valueText: 'Püree', nodeId: 'nsu=urn:plant;s=Site.Area.name' });
    expect(one('Area/list')).toMatchObject({ valueText: '[1,2,3]', clientId: 'line1', backfilled: false });
    await collector.stop();
    expect([server.sessions, server.subscriptions]).toEqual([0, 0]);
    const count = (await h.readings()).length;
    expect(await h.account()).toEqual({ rows: count, open: 0, gaps: [] });
  });

  test('of a server that nobody trusts are not collected until somebody does; then encrypted, by the best policy', async () => {
    await using h = await Harness.create({ secure: true });
    const server = await h.server();
    server.addTag('T1');
    await using collector = await h.run();
    const lost = await collector.event('server-lost');
    expect(lost).toMatchObject({ error: { code: 'MR-OPC-UNTRUSTED', kind: 'systemic' } });
    const thumbprint = /certificate ([0-9a-f]{40})/.exec(
      String((lost as { error: Error }).error.message),
    )?.[1];
    expect(thumbprint).toBeDefined();
    expect(await h.trust(thumbprint ?? '')).toContain('is trusted now');
    await collector.event('server-up');
    await h.arrived('Area/T1', 0);
    expect(server.policies).toEqual(['Aes256_Sha256_RsaPss']);
  });

  test('survive a restart of the server with shifted namespaces; the span is a gap', async () => {
    await using h = await Harness.create();
    const first = await h.server();
    first.addTag('T1');
    await using collector = await h.run();
    await h.arrived('Area/T1', 0);
    const before = await issue(first, 50);
    await h.arrived('Area/T1', before);
    await first.stop();
    const second = await h.server({ extraNamespaces: 3 });
    second.addTag('T1', 1_000);
    await collector.event('server-up', 2);
    await h.arrived('Area/T1', 1_000);
    const after = await issue(second, 50);
    expect(await h.arrived('Area/T1', after)).toEqual([...counted(0, before), ...counted(1_000, after)]);
    const readings = await h.readings();
    expect(new Set(readings.map((one) => one.nodeId))).toEqual(new Set(['nsu=urn:plant;s=Site.Area.T1']));
    const gap = await waitFor(async () => (await h.account()).gaps[0] ?? null, { what: 'the gap' });
    expect(gap).toContain('nobody collected');
  });

  test('that go are set aside and disturb nothing; they and new ones are found', async () => {
    await using h = await Harness.create();
    const server = await h.server();
    server.addTag('T1');
    server.addTag('T2');
    await using collector = await h.run();
    await h.arrived('Area/T2', 0);
    const sequence = server.removeTag('T2');
    await collector.event('tag-set-aside');
    await issue(server, 20);
    await h.arrived('Area/T1', 20);
    server.addTag('T2', sequence + 500);
    server.addTag('T3', 7);
    await h.arrived('Area/T2', sequence + 500);
    await h.arrived('Area/T3', 7);
    expect(await h.values('Area/T1')).toEqual(counted(0, 20));
  });
});

describe('a bad world', () => {
  test('a line that goes dead: more and more is made anew; readings resume, the span is a gap', async () => {
    await using h = await Harness.create();
    const server = await h.server();
    server.addTag('T1');
    await using collector = await h.run();
    await h.arrived('Area/T1', 0);
    const before = await issue(server, 20);
    await h.arrived('Area/T1', before);
    h.line.stall();
    await waitFor(() => collector.events.some((one) => one.type === 'stale' || one.type === 'server-lost'), {
      what: 'the silence to be noticed',
      deadlineMs: 30_000,
    });
    await h.line.resume();
    h.line.cut();
    await collector.event('server-up', 2);
    await h.arrived('Area/T1', before);
    const after = await issue(server, 20);
    const values = await h.arrived('Area/T1', after);
    expect(values.slice(-20)).toEqual(counted(after - 19, after));
    const gap = await waitFor(async () => (await h.account()).gaps[0] ?? null, { what: 'the gap' });
    expect(gap).toMatch(/gap from .* to .*/);
  });

  test('what the server remembers of a gap is read from its history, once, and flagged', async () => {
    await using h = await Harness.create();
    const server = await h.server();
    server.addTag('T1', 0, true);
    server.addTag('T2');
    await using collector = await h.run();
    await h.arrived('Area/T1', 0);
    const before = await issue(server, 20);
    await h.arrived('Area/T1', before);
    h.line.refuse();
    h.line.cut();
    await collector.event('server-lost');
    const during = await issue(server, 2_500);
    await h.line.resume();
    await collector.event('backfilled');
    const after = await issue(server, 20);
    await h.arrived('Area/T1', after);
    await h.arrived('Area/T1', during - 1);
    const readings = (await h.readings()).filter((one) => one.tag === 'Area/T1');
    const values = readings.map((one) => Number(one.value)).sort((x, y) => x - y);
    // The value that stood there when we came back may be told by both.
    expect([...new Set(values)]).toEqual(counted(0, after));
    const filled = readings.filter((one) => one.backfilled === true).map((one) => Number(one.value));
    expect(filled).toEqual(counted(before + 1, during - 1));
    expect((await h.values('Area/T2')).includes(during - 1)).toBe(false);
  });

  test('a disk whose syncs fail loses nothing while memory holds it', async () => {
    await using h = await Harness.create();
    const server = await h.server();
    server.addTag('T1');
    let syncs = 0;
    await using collector = await h.run({
      ...nodeDisk,
      async create(path) {
        const file = await nodeDisk.create(path);
        const sync = async (): Promise<void> => {
          syncs += 1;
          if (syncs % 3 === 0) throw new Error('EIO: i/o error, fdatasync');
          return file.sync();
        };
        return { write: (bytes) => file.write(bytes), close: () => file.close(), sync };
      },
    });
    await h.arrived('Area/T1', 0);
    const last = await issue(server, 400);
    expect(await h.arrived('Area/T1', last)).toEqual(counted(0, last));
    expect(collector.events.some((one) => one.type === 'spool-failed')).toBe(true);
    await collector.stop();
    expect(await h.account()).toEqual({ rows: last + 1, open: 0, gaps: [] });
  });

  test('a broker away for longer than the spool holds: what is lost is counted, the rest is there once', async () => {
    await using h = await Harness.create({ spool: 'maxBytes: 1MiB, roll: 1h' });
    await h.spoolOnly(20_000);
    await using collector = await h.run();
    await collector.event('spool-published');
    const values = await h.values('T');
    const { gaps, rows, open } = await h.account();
    const lost = gaps.reduce(
      (sum, text) => sum + Number(/; (\d+) readings lost/.exec(text)?.[1] ?? Number.NaN),
      0,
    );
    expect(lost).toBeGreaterThan(5_000);
    expect(new Set(values).size).toBe(values.length);
    expect([values.length + lost, rows, open]).toEqual([20_000, values.length, 0]);
  });
});

describe('a collector that is asked to stop', () => {
  test('closes its session, publishes what it holds and ends well', async () => {
    await using h = await Harness.create();
    const server = await h.server();
    server.addTag('T1');
    const service = h.spawn();
    await h.arrived('Area/T1', 0);
    const last = await issue(server, 20);
    await h.arrived('Area/T1', last);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    expect([server.sessions, server.subscriptions]).toEqual([0, 0]);
    expect(await h.values('Area/T1')).toEqual(counted(0, last));
    expect(await h.account()).toEqual({ rows: last + 1, open: 0, gaps: [] });
  });
});

describe('a collector that is killed', () => {
  test.each(['spool.after-write:5', 'spool.after-sync:5', 'ingest.after-send:2', 'ingest.after-commit:2'])(
    'at %s loses nothing that was synced and doubles nothing',
    async (place) => {
      await using h = await Harness.create();
      const server = await h.server();
      for (let i = 0; i < 20; i += 1) server.addTag(`T${i}`);
      const killed = h.spawn({ MILLRACE_CRASH_AT: place });
      let dead = false;
      const exit = killed.exited.then((how) => {
        dead = true;
        return how;
      });
      let issued = 0;
      while (!dead) {
        issued = server.issue();
        await delay(10);
      }
      expect(await exit).toMatchObject({ signal: 'SIGKILL' });
      await using collector = await h.run();
      await collector.event('server-up');
      await waitFor(async () => ((await h.values('Area/T0')).includes(issued) ? true : null), {
        what: 'the value of now',
        deadlineMs: 60_000,
        pollMs: 200,
      });
      const last = await issue(server, 20);
      for (let i = 0; i < 20; i += 1) await h.arrived(`Area/T${i}`, last);
      await collector.stop();
      for (let i = 0; i < 20; i += 1) {
        const values = await h.values(`Area/T${i}`);
        // Nothing twice but the value that stood there when we came back, which may have been kept before the kill.
        expect(values.filter((one, at) => values.indexOf(one) !== at && one !== issued)).toEqual([]);
        expect(values.slice(-20)).toEqual(counted(last - 19, last));
        // What was kept before the kill has no hole.
        const kept = values.slice(0, values.indexOf(issued)).filter((one) => one < issued);
        const [first = 0] = kept;
        expect(kept).toEqual(counted(first, first + kept.length - 1));
        if (place !== 'spool.after-write:5') expect(kept.length).toBeGreaterThan(0);
      }
      const account = await h.account();
      expect(account).toMatchObject({ rows: (await h.readings()).length, open: 0 });
      expect(account.gaps).toHaveLength(1);
    },
  );
});
