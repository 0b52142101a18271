/**
 * Kafka's default partitioner hash (murmur2, seed 0x9747b28c), as in `org.apache.kafka.common.utils.Utils#murmur2`,
 * so that any other client puts the same key into the same partition.
 */
export function murmur2(data: Uint8Array): number {
  const m = 0x5bd1e995;
  const length = data.length;
  let h = 0x9747b28c ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    let k = byte(data, i) | (byte(data, i + 1) << 8) | (byte(data, i + 2) << 16) | (byte(data, i + 3) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const rest = length - i;
  if (rest >= 3) h ^= byte(data, i + 2) << 16;
  if (rest >= 2) h ^= byte(data, i + 1) << 8;
  if (rest >= 1) h = Math.imul(h ^ byte(data, i), m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

/** The partition of a key, as Kafka's Java client would choose it. */
export function partitionFor(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/**
 * 96 bits of a key as three unsigned 32-bit lanes: MurmurHash3 x86_128 (Appleby, public domain) without its last
 * lane. At 10 million keys the chance that a new key meets a foreign one is about 10^-22 a row.
 * Writes the lanes to `out` at `at`, `at + 1`, `at + 2`.
 */
export function hash96(data: Uint8Array, length: number, out: Uint32Array, at: number): void {
  let h1 = 0x2f0b4f7d;
  let h2 = 0x2f0b4f7d;
  let h3 = 0x2f0b4f7d;
  let h4 = 0x2f0b4f7d;
  const blocks = length & ~15;
  for (let i = 0; i < blocks; i += 16) {
    h1 = mix(h1, word(data, i), C1, C2, 15) | 0;
    h1 = (Math.imul(rotl(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 = mix(h2, word(data, i + 4), C2, C3, 16) | 0;
    h2 = (Math.imul(rotl(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 = mix(h3, word(data, i + 8), C3, C4, 17) | 0;
    h3 = (Math.imul(rotl(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 = mix(h4, word(data, i + 12), C4, C1, 18) | 0;
    h4 = (Math.imul(rotl(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  const tail = length - blocks;
  if (tail > 12) h4 = mix(h4, partial(data, blocks + 12, tail - 12), C4, C1, 18);
  if (tail > 8) h3 = mix(h3, partial(data, blocks + 8, Math.min(4, tail - 8)), C3, C4, 17);
  if (tail > 4) h2 = mix(h2, partial(data, blocks + 4, Math.min(4, tail - 4)), C2, C3, 16);
  if (tail > 0) h1 = mix(h1, partial(data, blocks, Math.min(4, tail)), C1, C2, 15);

  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = final32(h1);
  h2 = final32(h2);
  h3 = final32(h3);
  h4 = final32(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  out[at] = h1;
  out[at + 1] = h2 + h1;
  out[at + 2] = h3 + h1;
}

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

function byte(data: Uint8Array, i: number): number {
  return data[i] ?? 0;
}

function word(data: Uint8Array, i: number): number {
  return byte(data, i) | (byte(data, i + 1) << 8) | (byte(data, i + 2) << 16) | (byte(data, i + 3) << 24);
}

function partial(data: Uint8Array, i: number, n: number): number {
  let k = 0;
  for (let j = n - 1; j >= 0; j -= 1) k = (k << 8) | byte(data, i + j);
  return k;
}

function rotl(x: number, r: number): number {
  return (x << r) | (x >>> (32 - r));
}

function mix(h: number, k: number, ca: number, cb: number, r: number): number {
  return h ^ Math.imul(rotl(Math.imul(k, ca), r), cb);
}

/** Murmur3's finaliser: every input bit reaches every output bit. */
export function final32(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
