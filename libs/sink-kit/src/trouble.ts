import { asMillraceError, type Clock } from '@millrace/core';
import type { SinkEvent } from './events.ts';

/**
 * Eight partitions that lose one database, and try again every few seconds, are one trouble: it is told once for
 * each of its reasons, and when it ends.
 */
export class TroubleTeller {
  readonly #clock: Clock;
  readonly #emit: (event: SinkEvent) => void;
  readonly #troubled = new Set<number>();
  /** `code`: the latest of the reasons. */
  #told: { readonly codes: Set<string>; readonly since: number; code: string } | null = null;

  constructor(clock: Clock, emit: (event: SinkEvent) => void) {
    this.#clock = clock;
    this.#emit = emit;
  }

  failed(partition: number, thrown: unknown): void {
    const error = asMillraceError(thrown);
    // A partition that went to another process is how sharing works.
    if (error.kind === 'fenced') {
      this.settled(partition, () => true);
      return;
    }
    this.#troubled.add(partition);
    this.#told ??= { codes: new Set(), since: this.#clock.monotonic(), code: error.code };
    if (this.#told.codes.has(error.code)) return;
    this.#told.codes.add(error.code);
    this.#told.code = error.code;
    this.#emit({
      type: 'trouble',
      kind: error.kind,
      code: error.code,
      message: error.message,
      remedy: error.remedy ?? '',
      partition,
    });
  }

  /**
   * It works again, or went to another process. Partitions that went while they were waiting for their next try are
   * not heard of any more: `isOurs` tells which are still assigned.
   */
  settled(partition: number, isOurs: (partition: number) => boolean): void {
    if (this.#troubled.size === 0) return;
    this.#troubled.delete(partition);
    for (const one of this.#troubled) if (!isOurs(one)) this.#troubled.delete(one);
    this.#endIfAllWork();
  }

  #endIfAllWork(): void {
    if (this.#told === null || this.#troubled.size > 0) return;
    const { code, since } = this.#told;
    this.#told = null;
    this.#emit({ type: 'recovered', code, seconds: (this.#clock.monotonic() - since) / 1_000 });
  }
}
