/** Sequence numbers per topic partition of one producer: counted in records, from 0 after 2^31 - 1. */
export class Sequences {
  readonly #next = new Map<string, number>();

  current(topic: string, partition: number): number {
    return this.#next.get(`${topic}/${partition}`) ?? 0;
  }

  advance(topic: string, partition: number, count: number): void {
    this.#next.set(`${topic}/${partition}`, (this.current(topic, partition) + count) % 0x8000_0000);
  }
}
