import type { AggregateDef, TimeSeriesDef } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import { FakeClock, waitFor } from '@millrace/testkit';
import { expect, it } from 'vitest';
import { serverOf } from './domain/server.ts';
import type { UpkeepEvent } from './events.ts';
import type { Dropped, UpkeepSession } from './ports.ts';
import { Upkeep } from './upkeep.ts';

function aggregate(name: string, everyMs: number): AggregateDef {
  return { name, everyMs, overMs: everyMs, by: [], select: [], retentionMs: null };
}

const SERIES: TimeSeriesDef = {
  time: 't',
  chunkMs: 1,
  retention: { rows: 10, ageMs: null, everyMs: 60_000 },
  aggregates: [aggregate('a', 5_000), aggregate('b', 20_000)],
};
const NOTHING: Dropped = { chunks: 0, rows: 0, before: '', more: false };

class FakeSession implements UpkeepSession {
  readonly server = serverOf(null);
  readonly log: string[];
  leads = true;
  failing: MillraceError | null = null;
  drops: Dropped[] = [];
  late = 0;

  constructor(log: string[]) {
    this.log = log;
  }

  async #did(what: string): Promise<void> {
    this.log.push(what);
    if (this.failing !== null) throw this.failing;
  }

  async lead(): Promise<boolean> {
    await this.#did('lead');
    return this.leads;
  }

  prepare = (): Promise<void> => this.#did('prepare');
  keepAlive = (): Promise<void> => this.#did('alive');

  async refresh({ name }: AggregateDef) {
    await this.#did(name);
    return { buckets: 1, late: this.late, more: false };
  }

  async trim(): Promise<Dropped> {
    await this.#did('trim');
    return this.drops.shift() ?? NOTHING;
  }

  async trimAggregate(): Promise<Dropped> {
    await this.#did('trimAggregate');
    return NOTHING;
  }

  async close(): Promise<void> {
    this.log.push('close');
  }
}

function start(session: FakeSession, series: TimeSeriesDef = SERIES) {
  const clock = new FakeClock();
  const events: UpkeepEvent[] = [];
  const open = async (): Promise<UpkeepSession> => session;
  const emit = (event: UpkeepEvent): void => void events.push(event);
  const upkeep = new Upkeep({ table: 't', series, open, clock, random: () => 1, emit });
  /** Lets everything that is due run, then moves on to when it sleeps again. */
  const rest = () => waitFor(() => clock.sleeping === 1, { what: 'the upkeep to rest', deadlineMs: 5_000 });
  const advance = async (ms: number): Promise<void> => {
    await rest();
    await clock.advance(ms);
    await rest();
  };
  return { clock, events, upkeep, rest, advance };
}

it('refreshes each aggregate when it is due, and all of them before it drops', async () => {
  const log: string[] = [];
  const { upkeep, rest, advance } = start(new FakeSession(log));
  await rest();
  expect(log.splice(0)).toEqual(['lead', 'prepare', 'a', 'b', 'a', 'b', 'trim']);
  await advance(5_000);
  expect(log.splice(0)).toEqual(['a']);
  for (let i = 0; i < 3; i += 1) await advance(5_000);
  expect(log.splice(0)).toEqual(['a', 'a', 'a', 'b']);
  expect(upkeep.state).toBe('leading');
  await upkeep.stop();
  expect(log).toContain('close');
});

it('drops in steps until nothing is left, and tells the sum once', async () => {
  const session = new FakeSession([]);
  session.drops = [
    { chunks: 2, rows: 10_000, before: 'x', more: true },
    { chunks: 0, rows: 5, before: 'y', more: true },
    { chunks: 0, rows: 0, before: 'y', more: false },
  ];
  session.late = 3;
  const { events, rest, upkeep } = start(session);
  await rest();
  expect(events.filter((event) => event.type === 'dropped')).toEqual([
    { type: 'dropped', table: 't', chunks: 2, rows: 10_005, before: 'y' },
  ]);
  expect(events).toContainEqual({ type: 'late', aggregate: 'a', buckets: 3 });
  await upkeep.stop();
});

it('stands by while another leads, and takes over when that has gone', async () => {
  const log: string[] = [];
  const session = new FakeSession(log);
  session.leads = false;
  const { upkeep, rest, advance } = start(session);
  await rest();
  await advance(5_000);
  expect([upkeep.state, log.splice(0)]).toEqual(['standby', ['lead', 'lead']]);
  session.leads = true;
  await advance(5_000);
  expect(log).toEqual(['lead', 'prepare', 'a', 'b', 'a', 'b', 'trim']);
  await upkeep.stop();
});

it('tells a trouble once, begins again with a new session, and tells the recovery', async () => {
  const log: string[] = [];
  const session = new FakeSession(log);
  session.failing = new MillraceError({ kind: 'transient', code: 'MR-PG-CONNECTION', message: 'gone' });
  const { events, upkeep, rest, advance } = start(session);
  await rest();
  for (let i = 0; i < 3; i += 1) await advance(30_000);
  expect(upkeep.state).toBe('trouble');
  session.failing = null;
  await advance(30_000);
  expect(events.map((event) => event.type).filter((type) => /upkeep|leading/.test(type))).toEqual([
    'upkeepTrouble',
    'leading',
    'upkeepRecovered',
  ]);
  const times = (what: string) => log.filter((one) => one === what).length;
  expect(times('close')).toBe(times('lead') - 1);
  await upkeep.stop();
});

it('a leader with nothing to do for long shows that it lives', async () => {
  const log: string[] = [];
  const { upkeep, rest, advance } = start(new FakeSession(log), {
    ...SERIES,
    aggregates: [],
    retention: null,
  });
  await rest();
  await advance(20_000);
  expect(log).toEqual(['lead', 'prepare', 'alive']);
  await upkeep.stop();
});
