/**
 * The one place where topics, groups and transactional ids get their names. `generation` above 1 adds
 * `.g<n>` to a pipeline's topics, groups and ids: the next generation shares nothing with the last.
 */
export interface PipelineId {
  readonly name: string;
  readonly generation: number;
}

export type ServiceName = 'ingest-sftp' | 'opc-collector' | 'transformer' | 'sql-sink' | 'timescale-sink';
export type StateStage = 'ingest' | 'transform';

export const LEDGER_TOPIC = 'millrace.ledger';
export const LEDGER_PARTITIONS = 8;

function base({ name, generation }: PipelineId): string {
  return generation > 1 ? `${name}.g${generation}` : name;
}

export const topics = {
  raw: (id: PipelineId): string => `${base(id)}.raw`,
  output: (id: PipelineId, output: string): string => `${base(id)}.${output}`,
  deadLetters: (id: PipelineId): string => `${base(id)}.dead-letters`,
  tasks: (id: PipelineId): string => `${base(id)}.tasks`,
  state: (id: PipelineId, stage: StateStage): string => `${base(id)}.state.${stage}`,
} as const;

/** Output names that would collide with a pipeline's own topics. */
export const RESERVED_OUTPUTS: readonly string[] = ['raw', 'dead-letters', 'tasks', 'state'];

/** What the ledger calls a pipeline: each generation has an account of its own. */
export function ledgerName(id: PipelineId): string {
  return base(id);
}

export function groupId(instance: string, service: ServiceName, id: PipelineId): string {
  return `millrace.${instance}.${service}.${base(id)}`;
}

/** A sink service has one group per sink, since each sink has its own pace. */
export function sinkGroupId(instance: string, service: ServiceName, id: PipelineId, sink: string): string {
  return `${groupId(instance, service, id)}.${sink}`;
}

/** Of a sink's words in Kafka about one partition: dead letters and counts. */
export function sinkTransactionalId(
  instance: string,
  service: ServiceName,
  id: PipelineId,
  sink: string,
  partition: number,
): string {
  return `${sinkGroupId(instance, service, id, sink)}.${partition}`;
}

export function transactionalId(
  instance: string,
  service: ServiceName,
  id: PipelineId,
  partition: number,
): string {
  return `${groupId(instance, service, id)}.${partition}`;
}

/** Of the one publisher of a spool of readings: fences per spool, not per partition (ADR 0010). */
export function spoolTransactionalId(
  instance: string,
  service: ServiceName,
  id: PipelineId,
  spoolId: string,
): string {
  return `${groupId(instance, service, id)}.spool.${spoolId}`;
}
