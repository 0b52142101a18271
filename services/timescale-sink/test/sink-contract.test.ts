import type { SinkDef } from '@millrace/config';
import type { SinkIdentity } from '@millrace/postgres';
import type { SinkSession, SinkTarget } from '@millrace/sink-kit';
import { inject } from 'vitest';
import { open, tableHarness } from '../../../libs/postgres/test/table-harness.ts';
import { sinkContract } from '../../../libs/sink-kit/test/sink-contract.ts';
import { type TimescaleSink, timescaleTarget } from '../src/adapters/timescale/timescale-target.ts';
import { createDatabase } from './databases.ts';

const STACK = inject('stack');
const TIME = 'taken at';
const CONSTANT = 1_700_000_000_000_000;

/** The contract's records have no time: each gets the same one, so that its keys mean what they meant. */
function adapt(sink: SinkDef): SinkDef {
  const { write, target } = sink;
  return {
    ...sink,
    write: write.mode === 'merge' ? { ...write, key: [...write.key, TIME] } : write,
    columns: [
      ...sink.columns,
      { kind: 'field', name: TIME, field: TIME, type: { kind: 'timestamp' }, optional: false, sqlType: null },
    ],
    target: {
      kind: 'timescale',
      url: target.url,
      series: { time: TIME, chunkMs: 3_600_000, retention: null, aggregates: [] },
    },
  };
}

function withTime(target: SinkTarget): SinkTarget {
  return {
    async claim(request, signal): Promise<SinkSession> {
      const session = await target.claim(request, signal);
      return {
        position: session.position,
        unpublished: () => session.unpublished(),
        check: (value) => session.check({ ...value, [TIME]: CONSTANT }),
        stage: (rows) =>
          session.stage(rows.map((row) => ({ ...row, value: { ...row.value, [TIME]: CONSTANT } }))),
        apply: (advance) => session.apply(advance),
        confirm: (next) => session.confirm(next),
        skip: (advance) => session.skip(advance),
        probe: (limit) => session.probe(limit),
        recordGap: (from, to) => session.recordGap(from, to),
        release: () => session.release(),
      };
    },
  };
}

const target = (sink: SinkDef, identity: SinkIdentity): SinkTarget =>
  // `adapt` made it so.
  withTime(timescaleTarget(sink as TimescaleSink, identity, () => undefined));

for (const kind of ['apache', 'plain'] as const) {
  sinkContract(kind === 'apache' ? 'TimescaleDB hypertable' : 'plain PostgreSQL', async () => {
    const url = await createDatabase(STACK, kind);
    return tableHarness(url, await open(url), { adapt, target, alsoUnique: [`"${TIME}"`] });
  });
}
