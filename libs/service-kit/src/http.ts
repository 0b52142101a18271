import { Controller, Get, Header, HttpException, Inject } from '@nestjs/common';
import type { ServiceRuntime } from './runtime.ts';

export const RUNTIME: unique symbol = Symbol('millrace:runtime');

/** `/livez`, `/readyz`, `/metrics`. */
export class HealthController {
  readonly #runtime: ServiceRuntime;

  constructor(runtime: ServiceRuntime) {
    this.#runtime = runtime;
  }

  livez(): unknown {
    const liveness = this.#runtime.liveness();
    if (!liveness.live) throw new HttpException(liveness, 503);
    return liveness;
  }

  readyz(): unknown {
    const readiness = this.#runtime.readiness();
    const shown = this.#runtime.redacted(readiness);
    if (!readiness.ready) throw new HttpException(shown, 503);
    return shown;
  }

  async metrics(): Promise<string> {
    return (await this.#runtime.metricsText()).text;
  }
}

// Decorators as plain calls: with their own syntax the services could not be run unbuilt.
Controller()(HealthController);
Inject(RUNTIME)(HealthController, undefined, 0);
route('livez', 'livez');
route('readyz', 'readyz');
route('metrics', 'metrics', Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8'));

function route(path: string, method: 'livez' | 'readyz' | 'metrics', ...more: MethodDecorator[]): void {
  const { prototype } = HealthController;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method);
  if (!descriptor) throw new TypeError(`HealthController has no ${method}`);
  for (const decorate of [Get(path), ...more]) decorate(prototype, method, descriptor);
}
