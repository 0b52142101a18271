import type { PipelineSupervisor, SupervisedStatus } from './pipeline-supervisor.ts';

/** A loop that has not turned for this long is stuck. Waits before retries count as turns. */
export const PROGRESS_DEADLINE_MS = 60_000;

export interface Liveness {
  readonly live: boolean;
  /** Milliseconds since the last turn, of those that are stuck. */
  readonly stuck: Readonly<Record<string, number>>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly stopping: boolean;
  readonly kafka: { readonly connected: boolean };
  readonly pipelines: Readonly<Record<string, SupervisedStatus>>;
  /** Pipeline files that could not be read, one line each. */
  readonly files: readonly string[];
}

/**
 * Whether a restart would help: the event loop turns (else nobody answers) and every loop makes progress. Kafka or a
 * database that is away is no reason: a restart would only make it worse.
 */
export function livenessOf(pipelines: readonly PipelineSupervisor[], nowMonotonic: number): Liveness {
  const stuck: Record<string, number> = {};
  for (const pipeline of pipelines) {
    const last = pipeline.lastProgressAt();
    const idleMs = last === null ? 0 : nowMonotonic - last;
    if (idleMs > PROGRESS_DEADLINE_MS) stuck[pipeline.name] = Math.round(idleMs);
  }
  return { live: Object.keys(stuck).length === 0, stuck };
}

/**
 * Whether the connections stand and the work is assigned. A halted pipeline waits for a person and does not hold up
 * the others, unless all are halted.
 */
export function readinessOf(
  pipelines: readonly PipelineSupervisor[],
  facts: { readonly kafkaConnected: boolean; readonly stopping: boolean; readonly files: readonly string[] },
): Readiness {
  const statuses = Object.fromEntries(pipelines.map((pipeline) => [pipeline.name, pipeline.status()]));
  const all = Object.values(statuses);
  const atWork = all.filter((status) => status.state !== 'halted');
  const ready =
    facts.kafkaConnected &&
    !facts.stopping &&
    (all.length === 0 || atWork.length > 0) &&
    atWork.every((status) => status.state === 'running' && status.ready);
  return {
    ready,
    stopping: facts.stopping,
    kafka: { connected: facts.kafkaConnected },
    pipelines: statuses,
    files: facts.files,
  };
}
