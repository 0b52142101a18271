import type { KafkaClient, Outbox, TransactionalProducer } from '@millrace/kafka';

export type PublisherKafka = Pick<KafkaClient, 'newOutbox' | 'takeOver'>;

/**
 * What the owner of a partition says in Kafka: dead letters and counts, a transaction each, one at a time. Its
 * transactional id is the partition's, so that whoever claims the partition next fences it: nothing of ours arrives
 * behind the first word of our successor.
 */
export class FencedPublisher {
  readonly #kafka: PublisherKafka;
  readonly #producer: TransactionalProducer;
  #last: Promise<void> = Promise.resolve();

  private constructor(kafka: PublisherKafka, producer: TransactionalProducer) {
    this.#kafka = kafka;
    this.#producer = producer;
  }

  static async open(
    kafka: PublisherKafka,
    transactionalId: string,
    signal: AbortSignal,
  ): Promise<FencedPublisher> {
    return new FencedPublisher(kafka, await kafka.takeOver(transactionalId, signal));
  }

  newOutbox(): Outbox {
    return this.#kafka.newOutbox();
  }

  /** Resolves when it is committed. After a failure nothing more is sent: the partition has to be claimed again. */
  publish(outbox: Outbox): Promise<void> {
    const sent = this.#last.then(async () => {
      await this.#producer.send(outbox);
      await this.#producer.commit();
    });
    this.#last = sent;
    // Told to whoever waits for `sent`.
    sent.catch(() => undefined);
    return sent;
  }

  close(): Promise<void> {
    return this.#producer.close();
  }
}
