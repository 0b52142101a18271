import type { Variables } from '@millrace/config';
import { type Clock, type Random, systemClock } from '@millrace/core';
import { connectKafka, createSchemaRegistry } from '@millrace/kafka';
import type { DestinationStream } from 'pino';

/** The world outside of the process, exchanged in tests. */
export interface ServicePorts {
  readonly variables: Variables;
  readonly clock: Clock;
  readonly random: Random;
  readonly connectKafka: typeof connectKafka;
  readonly createSchemaRegistry: typeof createSchemaRegistry;
  /** Where log lines go; undefined: standard output. */
  readonly logOutput: DestinationStream | undefined;
}

export function systemPorts(): ServicePorts {
  return {
    variables: process.env,
    clock: systemClock,
    random: Math.random,
    connectKafka,
    createSchemaRegistry,
    logOutput: undefined,
  };
}
