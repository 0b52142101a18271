import { MillraceError } from '@millrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { type CallFor, calls } from '../internals.ts';
import { LIMITS } from '../limits.ts';
import { isConnectionError, isCoordinatorMoved, KafkaCode, kafkaError } from '../protocol/error-codes.ts';

export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
}

/** Partitions by topic. */
export type PartitionsByTopic = ReadonlyMap<string, readonly number[]>;

const MAX_TRIES = 50;

/**
 * The requests of one transactional id to its coordinator. Only here is anything retried: after each of these
 * answers the broker has done nothing, or the same request again has the same outcome.
 */
export class TransactionCoordinator {
  readonly #cluster: Cluster;
  readonly #transactionalId: string;
  readonly #lane: string;

  constructor(cluster: Cluster, transactionalId: string, lane: string) {
    this.#cluster = cluster;
    this.#transactionalId = transactionalId;
    this.#lane = lane;
  }

  /** Raises the epoch, which fences every earlier owner, after its open transaction was ended. */
  async initProducerId(signal: AbortSignal): Promise<ProducerIdentity> {
    const call = calls.initProducerId({
      transactionalId: this.#transactionalId,
      transactionTimeout: LIMITS.transactionTimeoutMs,
    });
    // Asking twice only raises the epoch twice, so a lost answer may be asked for again.
    const answer = await this.#retried('InitProducerId', call, (a) => a.errorCode, {
      deadlineMs: LIMITS.takeOverMs,
      afterLostConnection: true,
      signal,
    });
    return { producerId: BigInt(answer.producerId), epoch: answer.producerEpoch };
  }

  async addPartitions(identity: ProducerIdentity, partitions: PartitionsByTopic): Promise<void> {
    const call = calls.addPartitionsToTxn({
      ...this.#stamp(identity),
      topics: [...partitions].map(([topic, numbers]) => ({ topic, partitions: numbers })),
    });
    await this.#retried('AddPartitionsToTxn', call, (a) => firstError(a.errors), {
      deadlineMs: LIMITS.transactionStepMs,
      afterLostConnection: true,
    });
  }

  /** Errors beside the broker's: `MR-KAFKA-COMMIT-UNKNOWN` (`transient`) when no answer came. */
  async endTransaction(identity: ProducerIdentity, commit: boolean): Promise<void> {
    const call = calls.endTxn({ ...this.#stamp(identity), transactionResult: commit });
    try {
      await this.#retried('EndTxn', call, (a) => a.errorCode, {
        deadlineMs: LIMITS.transactionStepMs,
        afterLostConnection: false,
      });
    } catch (error) {
      if (!isConnectionError(error)) throw error;
      throw new MillraceError({
        kind: 'transient',
        code: 'MR-KAFKA-COMMIT-UNKNOWN',
        message: `The answer to the end of a transaction of '${this.#transactionalId}' was lost.`,
        remedy: 'Nothing: taking the transactional id over settles it, and the state topic tells how.',
        cause: error,
      });
    }
  }

  #stamp({ producerId, epoch }: ProducerIdentity): object {
    return {
      transactionalId: this.#transactionalId,
      producerId: producerId.toString(),
      producerEpoch: epoch,
    };
  }

  async #retried<T>(
    name: string,
    call: CallFor<T>,
    codeOf: (answer: T) => number,
    options: { deadlineMs: number; afterLostConnection: boolean; signal?: AbortSignal },
  ): Promise<T> {
    const { clock } = this.#cluster;
    const deadline = clock.monotonic() + options.deadlineMs;
    const concurrent = new MarkerBackoff();
    const moved = this.#cluster.backoff();
    for (let tries = 1; ; tries += 1) {
      const late = tries >= MAX_TRIES || clock.monotonic() >= deadline;
      const nodeId = await this.#cluster.coordinator('transaction', this.#transactionalId, options.signal);
      let waitMs: number;
      try {
        const answer = await this.#cluster.send(nodeId, this.#lane, call);
        const code = codeOf(answer);
        if (code === KafkaCode.NONE) return answer;
        const error = kafkaError(code, `${name} of '${this.#transactionalId}'`);
        if (late || !(code === KafkaCode.CONCURRENT_TRANSACTIONS || isCoordinatorMoved(code))) throw error;
        if (isCoordinatorMoved(code)) this.#forget();
        waitMs = isCoordinatorMoved(code) ? moved.next() : concurrent.next();
      } catch (error) {
        if (!isConnectionError(error)) throw error;
        this.#forget();
        if (late || !options.afterLostConnection) throw error;
        waitMs = moved.next();
      }
      await clock.sleep(waitMs, options.signal);
    }
  }

  #forget(): void {
    this.#cluster.forgetCoordinator('transaction', this.#transactionalId);
  }
}

/**
 * CONCURRENT_TRANSACTIONS means that the markers of the last transaction are being written, which takes
 * milliseconds: kafkajs's 300 ms here cost it nine tenths of its transactions per second.
 */
class MarkerBackoff {
  #ms = 5;

  next(): number {
    const now = this.#ms;
    this.#ms = Math.min(this.#ms * 1.5, 500);
    return now;
  }
}

function firstError(errors: readonly { partitionErrors: readonly { errorCode: number }[] }[]): number {
  const codes = errors.flatMap((topic) => topic.partitionErrors.map((p) => p.errorCode));
  const failed = codes.filter((code) => code !== KafkaCode.NONE);
  // "Not attempted" only says that another partition's error stopped it.
  return failed.find((code) => code !== KafkaCode.OPERATION_NOT_ATTEMPTED) ?? failed[0] ?? KafkaCode.NONE;
}
