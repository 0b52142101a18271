/**
 * A service with a pipeline that does as its environment says; Kafka and the registry are doubles. Its log is what
 * the test reads.
 */
import { isFilePipeline } from '@millrace/config';
import { type Clock, MillraceError, systemClock } from '@millrace/core';
import type { KafkaClient, SchemaRegistry } from '@millrace/kafka';
import {
  DRAIN_DEADLINE_MS,
  type EventTable,
  type PipelineHandle,
  runService,
  serviceModule,
} from '../src/index.ts';

type StepEvent = { readonly type: 'step'; readonly name: string; readonly detail?: unknown };
const STEPS: EventTable<StepEvent> = { step: { level: 'info', message: (event) => event.name } };

const mode = process.env.TEST_MODE ?? '';
let say: (name: string, detail?: unknown) => void = () => undefined;

// Only what service-kit itself touches.
const kafka = {
  connected: mode !== 'kafka-away',
  close: async () => say('kafka closed'),
} as unknown as KafkaClient;

/** Where time for draining runs out at once. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms === DRAIN_DEADLINE_MS ? 200 : ms, signal),
};

async function stop(): Promise<void> {
  for (const step of ['polling stopped', 'drained', 'committed', 'left', 'closed']) {
    await new Promise((resolve) => setImmediate(resolve));
    say(step);
  }
  if (mode === 'flush-fails') throw new Error('the last batch was not flushed');
  if (mode === 'stop-hangs' || mode === 'overdue') await new Promise(() => undefined);
}

await runService(
  serviceModule(
    {
      name: 'transformer',
      version: '1.2.3',
      needs: () => true,
      async start(pipeline, ctx): Promise<PipelineHandle> {
        const telemetry = ctx.telemetry(STEPS, { pipeline: pipeline.name });
        say = (name, detail) => telemetry.emit({ type: 'step', name, detail });
        if (pipeline.name === 'halting') {
          throw new MillraceError({
            kind: 'halt',
            code: 'MR-TEST',
            message: 'layout changed',
            remedy: 'drain',
          });
        }
        const auth = isFilePipeline(pipeline) ? pipeline.source.sftp.auth : null;
        if (mode === 'leaks' && auth?.kind === 'password') {
          const secret = auth.password.reveal();
          say(`logging in with ${secret}`, { nested: { note: secret }, cause: new Error(`bad ${secret}`) });
          throw new MillraceError({ kind: 'halt', code: 'MR-TEST', message: `refused: ${secret}` });
        }
        if (mode === 'rejects') setImmediate(() => void Promise.reject(new Error('nobody listens')));
        const done = mode === 'beyond-recovery' ? Promise.reject(new Error('membership lost')) : undefined;
        return {
          status: () => ({ ready: true, detail: { partitions: 8 } }),
          lastProgressAt: () => (mode === 'stuck' ? ctx.clock.monotonic() - 61_000 : ctx.clock.monotonic()),
          stop,
          ...(done && { done }),
        };
      },
    },
    {
      connectKafka: async () => kafka,
      createSchemaRegistry: () => ({}) as SchemaRegistry,
      clock: mode === 'overdue' ? hastyClock : systemClock,
    },
  ),
);
