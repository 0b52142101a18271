import {
  type Environment,
  loadPipelines,
  type Pipeline,
  type Problem,
  secretsIn,
  type Variables,
} from '@millrace/config';
import type { KafkaClient } from '@millrace/kafka';
import { type Liveness, livenessOf, type Readiness, readinessOf } from './health.ts';
import { gauge } from './meter.ts';
import type { Observability } from './observability.ts';
import { PipelineSupervisor } from './pipeline-supervisor.ts';
import type { ServiceContext, ServiceDefinition } from './service.ts';
import { PIPELINE_EVENTS, SERVICE_EVENTS, type ServiceEvent } from './service-events.ts';
import type { Telemetry } from './telemetry.ts';

/** Closing gets at least this long, even when draining has used all the time. */
const CLOSE_MS_MIN = 3_000;
const BUDGET_USED = gauge('millrace_memory_budget_used_bytes', 'Records held in memory now.');

export interface RuntimeDeps {
  readonly definition: ServiceDefinition;
  readonly ctx: ServiceContext;
  readonly observability: Observability;
  readonly variables: Variables;
}

/** All pipelines of the process and the order in which they are started and stopped. */
export class ServiceRuntime {
  readonly telemetry: Telemetry<ServiceEvent>;
  readonly env: Environment;
  readonly #deps: RuntimeDeps;
  readonly #kafka: KafkaClient;
  #supervisors: readonly PipelineSupervisor[] = [];
  #brokenFiles: readonly string[] = [];
  #stopping = false;

  constructor(deps: RuntimeDeps) {
    this.#deps = deps;
    this.#kafka = deps.ctx.kafka;
    this.env = deps.ctx.env;
    this.telemetry = deps.observability.telemetry(SERVICE_EVENTS);
  }

  /** Reads the pipeline files and starts what this service has a part in. Throws `config` without a folder. */
  start(http: string, onFatal: (error: unknown) => void): void {
    const { definition, variables, observability } = this.#deps;
    const { pipelines, problems } = loadPipelines(this.env.pipelinesFolder, variables);
    observability.redactor.learn(secretsIn(pipelines));
    for (const problem of problems) this.#report(problem);
    this.#brokenFiles = problems.filter((one) => one.severity === 'error').map(lineOf);
    const own = pipelines.filter((pipeline) => definition.needs(pipeline));
    this.telemetry.emit({ type: 'started', pipelines: own.map((pipeline) => pipeline.name), http });
    if (own.length === 0) this.telemetry.emit({ type: 'no-pipelines', folder: this.env.pipelinesFolder });
    this.#supervisors = own.map((pipeline) => this.#supervisor(pipeline, onFatal));
    for (const supervisor of this.#supervisors) supervisor.start();
  }

  liveness(): Liveness {
    return livenessOf(this.#supervisors, this.#deps.ctx.clock.monotonic());
  }

  readiness(): Readiness {
    return readinessOf(this.#supervisors, {
      kafkaConnected: this.#kafka.connected,
      stopping: this.#stopping,
      files: this.#brokenFiles,
    });
  }

  /** For answering with: error messages of others may hold anything. */
  redacted(value: object): Record<string, unknown> {
    return this.#deps.observability.redactor.fields({ ...value });
  }

  async metricsText(): Promise<{ readonly contentType: string; readonly text: string }> {
    const { metrics } = this.#deps.observability;
    metrics.meter({}).set(BUDGET_USED, this.#deps.ctx.byteBudget.usedBytes);
    return { contentType: metrics.contentType, text: await metrics.text() };
  }

  /**
   * Stops the pipelines side by side (each in its own order), then closes Kafka, which all of them share. True when
   * everything acknowledged was finished before the deadline.
   */
  async stop(reason: string, deadlineMs: number): Promise<boolean> {
    this.#stopping = true;
    const begun = this.#deps.ctx.clock.monotonic();
    this.telemetry.emit({ type: 'stopping', reason, deadlineMs });
    const waitingFor = new Set(this.#supervisors.map((supervisor) => supervisor.name));
    const stops = this.#supervisors.map(async (supervisor) => {
      try {
        await supervisor.stop();
        return true;
      } catch {
        // The supervisor has said so; here it only decides the exit code.
        return false;
      } finally {
        waitingFor.delete(supervisor.name);
      }
    });
    const results = await this.#within(Promise.all(stops), deadlineMs);
    if (results === null) this.telemetry.emit({ type: 'stop-overdue', waitingFor: [...waitingFor] });
    const leftMs = deadlineMs - (this.#deps.ctx.clock.monotonic() - begun);
    await this.#closeKafka(Math.max(CLOSE_MS_MIN, leftMs));
    return results !== null && !results.includes(false);
  }

  /** Also drains hosts of a pipeline whose start was cut short. */
  async #closeKafka(deadlineMs: number): Promise<void> {
    try {
      const closed = this.#kafka.close().then(() => true);
      if ((await this.#within(closed, deadlineMs)) === null) {
        this.telemetry.emit({ type: 'stop-overdue', waitingFor: ['the connection to Kafka'] });
      }
    } catch (error) {
      this.telemetry.emit({ type: 'close-failed', what: 'the connection to Kafka', error });
    }
  }

  /** Null when the time is over first. */
  async #within<T>(work: Promise<T>, ms: number): Promise<T | null> {
    const done = new AbortController();
    const timeout = this.#deps.ctx.clock.sleep(ms, done.signal).then(
      () => null,
      () => null,
    );
    try {
      return await Promise.race([work, timeout]);
    } finally {
      done.abort();
    }
  }

  #supervisor(pipeline: Pipeline, onFatal: (error: unknown) => void): PipelineSupervisor {
    const { definition, ctx, observability } = this.#deps;
    const telemetry = observability.telemetry(PIPELINE_EVENTS, { pipeline: pipeline.name });
    return new PipelineSupervisor({
      name: pipeline.name,
      clock: ctx.clock,
      random: ctx.random,
      emit: (event) => telemetry.emit(event),
      onFatal,
      start: (signal) => definition.start(pipeline, ctx, signal),
    });
  }

  #report(problem: Problem): void {
    const type = problem.severity === 'error' ? 'file-error' : 'file-warning';
    this.telemetry.emit({ type, problem: lineOf(problem), code: problem.code, remedy: problem.remedy });
  }
}

function lineOf({ file, line, column, message }: Problem): string {
  return `${file}:${line}:${column} ${message}`;
}
