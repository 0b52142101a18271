import { MillraceError } from '@millrace/core';
import type { KafkaClient, Outbox } from '@millrace/kafka';
import { DEDUPE_KEY_PREFIX, type StateChange } from '../../domain/dedupe-log.ts';
import { LOAD_KEY_PREFIX } from '../../domain/load-accounts.ts';
import { type Gap, NEXT_KEY, parsePosition, type StoredPosition } from '../../domain/position.ts';
import type { PartitionMemory } from '../../pipeline.ts';

const GAP_KEY_PREFIX = 'gap/';

/**
 * Reads a partition of the state topic to its end into an empty memory and returns where it stands. Only after
 * takeover: then nobody else writes it. `turn` is called as it comes.
 */
export async function restoreState(
  kafka: KafkaClient,
  topic: string,
  partition: number,
  memory: PartitionMemory,
  turn: () => void,
  signal: AbortSignal,
): Promise<StoredPosition | null> {
  let position: StoredPosition | null = null;
  let isEmpty = true;
  for await (const batch of kafka.readToEnd(topic, partition, { signal })) {
    turn();
    for (const record of batch.records) {
      isEmpty = false;
      const key = record.key?.toString('utf8') ?? '';
      if (key === NEXT_KEY) position = record.value === null ? null : parsePosition(record.value);
      else if (!restoreEntry(key, record.value, memory)) throw unreadable(topic, partition, record.offset);
      if (key === NEXT_KEY && position === null) throw unreadable(topic, partition, record.offset);
    }
  }
  if (position === null && !isEmpty) throw withoutPosition(topic, partition);
  if (position !== null) memory.dedupe?.restoreTime(position.time);
  return position;
}

function restoreEntry(key: string, value: Buffer | null, memory: PartitionMemory): boolean {
  if (key.startsWith(LOAD_KEY_PREFIX)) return memory.accounts.restore(key, value);
  if (key.startsWith(DEDUPE_KEY_PREFIX)) {
    memory.dedupe?.restore(key, value);
    return true;
  }
  return key.startsWith(GAP_KEY_PREFIX);
}

export function addPosition(
  outbox: Outbox,
  topic: string,
  partition: number,
  position: StoredPosition,
): void {
  outbox.add(topic, partition, NEXT_KEY, Buffer.from(JSON.stringify(position)));
}

export function addGap(outbox: Outbox, topic: string, partition: number, gap: Gap, at: number): void {
  const value = Buffer.from(JSON.stringify({ ...gap, at }));
  outbox.add(topic, partition, `${GAP_KEY_PREFIX}${gap.from}`, value);
}

export function addChanges(
  outbox: Outbox,
  topic: string,
  partition: number,
  changes: readonly StateChange[],
): void {
  for (const { key, value } of changes) outbox.add(topic, partition, key, value);
}

function unreadable(topic: string, partition: number, offset: number): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-TRANSFORM-STATE-UNREADABLE',
    message: `the state record at ${topic}/${partition}/${offset} cannot be read`,
    remedy: 'It was written by a newer version, or by something else. Run the version that wrote it.',
  });
}

/** Every transaction writes `next`: to start over at 0 beside what is there would double every row. */
function withoutPosition(topic: string, partition: number): MillraceError {
  return new MillraceError({
    kind: 'halt',
    code: 'MR-TRANSFORM-STATE-WITHOUT-POSITION',
    message: `${topic} partition ${partition} holds state, but no position`,
    remedy: 'Part of the state topic was deleted. Restore it, or start a new generation of the pipeline.',
  });
}
