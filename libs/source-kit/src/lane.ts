/** A mutex: scanner and worker of one partition share its producer, one transaction at a time, in order of asking. */
export class Lane {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    // A failure is its asker's; the next one finds the producer spent and fails by itself.
    this.#last = result.catch(() => undefined);
    return result;
  }
}
