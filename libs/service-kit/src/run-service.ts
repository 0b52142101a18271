import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { RUNTIME } from './http.ts';
import { createLog } from './log.ts';
import { Metrics } from './metrics.ts';
import { nestLogger } from './nest-log.ts';
import { type Observability, secretVariables } from './observability.ts';
import { Redactor } from './redaction.ts';
import type { ServiceRuntime } from './runtime.ts';
import { SERVICE_EVENTS, type ServiceEvent } from './service-events.ts';
import { OBSERVABILITY, type ServiceModule } from './service-module.ts';
import { createTelemetry } from './telemetry.ts';

/** Kubernetes kills after 30 s: this leaves time to close and to say what was not finished. */
export const DRAIN_DEADLINE_MS = 25_000;

interface StopRequest {
  readonly reason: string;
  /** What the process exits with if all else goes well. */
  readonly code: number;
}

/**
 * `main.ts` in one line: `await runService(AppModule)`. The process lives in one order: connect → listen → start the
 * pipelines → (SIGTERM or SIGINT) stop polling → drain → commit → leave → close → exit. The exit code is 0 only when
 * everything that was begun was finished in time. A second signal, an uncaught exception or an unhandled rejection
 * ends it at once, with 1; what was not committed is done again by the successor.
 */
export async function runService(module: ServiceModule): Promise<void> {
  const emit = { event: startupEmitter(module) };
  const stopRequest = Promise.withResolvers<StopRequest>();
  watchProcess(stopRequest.resolve, (event) => emit.event(event));
  let app: NestExpressApplication | null = null;
  try {
    app = await NestFactory.create<NestExpressApplication>(module, { logger: false, abortOnError: false });
    const observability = app.get<Observability>(OBSERVABILITY);
    const runtime = app.get<ServiceRuntime>(RUNTIME);
    app.disable('x-powered-by');
    app.useLogger(nestLogger(observability.log));
    emit.event = (event) => runtime.telemetry.emit(event);
    const { host, port } = runtime.env.http;
    await app.listen(port, host);
    runtime.start(await app.getUrl(), (error) => {
      emit.event({ type: 'crashed', what: 'a pipeline is beyond recovery', error });
      stopRequest.resolve({ reason: 'a pipeline is beyond recovery', code: 1 });
    });
    await serve(app, runtime, await stopRequest.promise);
  } catch (error) {
    emit.event({ type: 'crashed', what: 'it could not start', error });
    await app?.close().catch(() => undefined);
    process.exit(1);
  }
}

async function serve(
  app: NestExpressApplication,
  runtime: ServiceRuntime,
  request: StopRequest,
): Promise<never> {
  const begun = performance.now();
  const finished = await runtime.stop(request.reason, DRAIN_DEADLINE_MS);
  await closeHttp(app, runtime);
  const code = finished ? request.code : 1;
  runtime.telemetry.emit({ type: 'stopped', code, ms: Math.round(performance.now() - begun) });
  process.exit(code);
}

async function closeHttp(app: NestExpressApplication, runtime: ServiceRuntime): Promise<void> {
  // A scraper's idle connection must not hold up the end.
  app.getHttpServer().closeAllConnections();
  await app
    .close()
    .catch((error: unknown) => runtime.telemetry.emit({ type: 'close-failed', what: 'HTTP', error }));
}

function watchProcess(stop: (request: StopRequest) => void, emit: (event: ServiceEvent) => void): void {
  let signalled = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (signalled) {
        emit({ type: 'stopped-at-once', reason: `second signal, ${signal}` });
        process.exit(1);
      }
      signalled = true;
      stop({ reason: signal, code: 0 });
    });
  }
  process.on('unhandledRejection', (error) => {
    emit({ type: 'crashed', what: 'unhandled rejection', error });
    process.exit(1);
  });
  process.on('uncaughtException', (error) => {
    emit({ type: 'crashed', what: 'uncaught exception', error });
    process.exit(1);
  });
}

/** Until the environment is read: mistakes in it are among the things to log. */
function startupEmitter({ definition, ports }: ServiceModule): (event: ServiceEvent) => void {
  const redactor = new Redactor();
  redactor.learn(secretVariables(ports.variables));
  const base = { service: definition.name, version: definition.version };
  const { clock, logOutput } = ports;
  const log = createLog({ level: 'info', base, redactor, clock, ...(logOutput && { output: logOutput }) });
  const telemetry = createTelemetry({ log, metrics: new Metrics() }, SERVICE_EVENTS);
  return (event) => telemetry.emit(event);
}
