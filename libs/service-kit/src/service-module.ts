import { getHeapStatistics } from 'node:v8';
import { type Environment, kafkaSettingsOf, loadEnvironment, registrySettingsOf } from '@millrace/config';
import { ByteBudget } from '@millrace/core';
import type { KafkaClient } from '@millrace/kafka';
import type { DynamicModule } from '@nestjs/common';
import { HealthController, RUNTIME } from './http.ts';
import { KAFKA_EVENTS, onlyChanges } from './kafka-events.ts';
import { recordBudget } from './memory-budget.ts';
import { createObservability, type Observability } from './observability.ts';
import { type ServicePorts, systemPorts } from './ports.ts';
import { ServiceRuntime } from './runtime.ts';
import type { ServiceContext, ServiceDefinition } from './service.ts';

export const ENVIRONMENT: unique symbol = Symbol('millrace:environment');
export const OBSERVABILITY: unique symbol = Symbol('millrace:observability');
export const KAFKA: unique symbol = Symbol('millrace:kafka');
export const CONTEXT: unique symbol = Symbol('millrace:context');

export interface ServiceModule extends DynamicModule {
  readonly definition: ServiceDefinition;
  readonly ports: ServicePorts;
}

/** The service as a Nest module: `export const AppModule = serviceModule({ … })`. Tests exchange ports. */
export function serviceModule(
  definition: ServiceDefinition,
  overrides: Partial<ServicePorts> = {},
): ServiceModule {
  const ports = { ...systemPorts(), ...overrides };
  return {
    definition,
    ports,
    module: class MillraceService {},
    controllers: [HealthController],
    providers: [
      { provide: ENVIRONMENT, useFactory: () => loadEnvironment(ports.variables) },
      {
        provide: OBSERVABILITY,
        useFactory: (env: Environment) => observabilityOf(definition, ports, env),
        inject: [ENVIRONMENT],
      },
      {
        provide: KAFKA,
        useFactory: (env: Environment, observability: Observability) =>
          ports.connectKafka(kafkaSettingsOf(env), {
            clock: ports.clock,
            random: ports.random,
            onEvent: onlyChanges(observability.telemetry(KAFKA_EVENTS)),
          }),
        inject: [ENVIRONMENT, OBSERVABILITY],
      },
      {
        provide: CONTEXT,
        useFactory: (env: Environment, observability: Observability, kafka: KafkaClient) =>
          contextOf(ports, env, observability, kafka),
        inject: [ENVIRONMENT, OBSERVABILITY, KAFKA],
      },
      {
        provide: RUNTIME,
        useFactory: (ctx: ServiceContext, observability: Observability) =>
          new ServiceRuntime({ definition, ctx, observability, variables: ports.variables }),
        inject: [CONTEXT, OBSERVABILITY],
      },
    ],
  };
}

function observabilityOf(
  definition: ServiceDefinition,
  ports: ServicePorts,
  env: Environment,
): Observability {
  const observability = createObservability({
    service: definition.name,
    version: definition.version,
    env,
    variables: ports.variables,
    clock: ports.clock,
    output: ports.logOutput,
  });
  observability.metrics.collectProcess();
  return observability;
}

function contextOf(
  ports: ServicePorts,
  env: Environment,
  observability: Observability,
  kafka: KafkaClient,
): ServiceContext {
  const registry = ports.createSchemaRegistry(registrySettingsOf(env), { clock: ports.clock });
  return {
    env,
    kafka,
    registry,
    clock: ports.clock,
    random: ports.random,
    byteBudget: new ByteBudget(recordBudget(env.memoryBytes, getHeapStatistics().heap_size_limit)),
    telemetry: (table, scope) => observability.telemetry(table, scope),
  };
}
