import { MillraceError } from '@millrace/core';
import type { KafkaClient, KafkaDeps, KafkaSettings } from './types.ts';

/** Opens the process's one shared client. Does not fail when the cluster is away: see `KafkaClient.connected`. */
export async function connectKafka(_settings: KafkaSettings, _deps: KafkaDeps): Promise<KafkaClient> {
  throw new MillraceError({ kind: 'bug', code: 'MR-BUG', message: 'not built yet' });
}
