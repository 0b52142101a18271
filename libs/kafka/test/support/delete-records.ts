import { Kafka, logLevel } from 'kafkajs';

/** What retention does, at once: deletes what lies below `before` in one partition. */
export async function deleteRecords(
  brokers: string,
  topic: string,
  partition: number,
  before: number,
): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    // Loads its metadata.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
  } finally {
    await admin.disconnect();
  }
}
