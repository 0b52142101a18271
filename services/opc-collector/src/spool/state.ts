import type { OpcuaPipeline } from '@millrace/config';
import { topics } from '@millrace/contracts';
import { MillraceError } from '@millrace/core';
import type { KafkaClient } from '@millrace/kafka';
import type { TallyTexts } from '@millrace/source-kit';

/** `spool/<spoolId>` in `<pipeline>.state.ingest`: where its publisher stands. */
export interface CursorState {
  readonly server: string;
  readonly cluster: string;
  readonly layout: string;
  /** Segment that is next, or being published. */
  readonly segment: number;
  /** First sequence number that is not published. */
  readonly sequence: number;
  /** Of that segment, when part of it is published. */
  readonly tallies: TallyTexts | null;
  /** Newest reading published, ms; where a collector without the disk begins its gap. */
  readonly lastMs: number | null;
  /** Everything is published; only the folder has to go. */
  readonly done: boolean;
}

export const spoolKeys = {
  cursor: (spoolId: string): string => `spool/${spoolId}`,
  /** Newest reading published, kept when the spool is gone. */
  last: (server: string): string => `last/${server}`,
  gap: (server: string, fromMs: number): string => `gap/${server}/${fromMs}`,
} as const;

/** Every cursor of one state partition. `halt` on an entry that cannot be read: going on could double readings. */
export async function readCursors(
  kafka: KafkaClient,
  pipeline: OpcuaPipeline,
  partition: number,
  signal: AbortSignal,
): Promise<Map<string, CursorState>> {
  const topic = topics.state(pipeline, 'ingest');
  const cursors = new Map<string, CursorState>();
  for await (const batch of kafka.readToEnd(topic, partition, { signal })) {
    for (const { key, value, offset } of batch.records) {
      const name = key?.toString() ?? '';
      if (!name.startsWith('spool/')) continue;
      const spoolId = name.slice('spool/'.length);
      if (value === null) cursors.delete(spoolId);
      else cursors.set(spoolId, parseCursor(value, `${topic} ${partition}/${offset}`));
    }
  }
  return cursors;
}

function parseCursor(bytes: Buffer, place: string): CursorState {
  try {
    const value = JSON.parse(bytes.toString()) as CursorState;
    if (Number.isInteger(value.segment) && Number.isInteger(value.sequence)) return value;
  } catch {
    // Told below with its place.
  }
  throw new MillraceError({
    kind: 'halt',
    code: 'MR-STATE-UNREADABLE',
    message: `State at ${place} is no cursor of a spool.`,
    remedy: 'Somebody else wrote to the state topic. Find out who; raise the generation to start over.',
  });
}

/** When the newest published reading of a server was taken, ms; null when there is none. */
export async function lastPublished(
  kafka: KafkaClient,
  pipeline: OpcuaPipeline,
  server: string,
  signal: AbortSignal,
): Promise<number | null> {
  const topic = topics.state(pipeline, 'ingest');
  const key = spoolKeys.last(server);
  let last: number | null = null;
  for (let partition = 0; partition < pipeline.partitions; partition += 1)
    for await (const batch of kafka.readToEnd(topic, partition, { signal }))
      for (const record of batch.records) {
        if (record.value === null || record.key?.toString() !== key) continue;
        const { lastMs } = JSON.parse(record.value.toString()) as { readonly lastMs: number };
        if (typeof lastMs === 'number' && (last === null || lastMs > last)) last = lastMs;
      }
  return last;
}
