import { createHash, type Hash } from 'node:crypto';

/**
 * sha-256 over the beginning of a file, at any row boundary: bytes are pushed as they arrive and hashed up to
 * where the caller says.
 */
export class PrefixDigest {
  readonly #hash: Hash = createHash('sha256');
  readonly #pending: Buffer[] = [];
  #hashedTo = 0;

  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#pending.push(chunk);
  }

  /** Bytes hashed so far. */
  get length(): number {
    return this.#hashedTo;
  }

  /** Hashes up to this absolute offset, which must have been pushed. Offsets only grow. */
  advanceTo(offset: number): void {
    for (let first = this.#pending[0]; first && this.#hashedTo < offset; first = this.#pending[0]) {
      const wanted = offset - this.#hashedTo;
      if (first.length <= wanted) {
        this.#hash.update(first);
        this.#pending.shift();
        this.#hashedTo += first.length;
      } else {
        this.#hash.update(first.subarray(0, wanted));
        this.#pending[0] = first.subarray(wanted);
        this.#hashedTo = offset;
      }
    }
    if (this.#hashedTo < offset) throw new RangeError('digest asked for beyond what was read');
  }

  /** 64 hex digits over the bytes hashed so far. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}
