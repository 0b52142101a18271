import { createHash } from 'node:crypto';

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/** What makes a load: one delivery of one version of one file. */
export interface LoadIdentity {
  readonly source: string;
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** Counts the deliveries of this path, from 1. */
  readonly version: number;
}

/** 80 bits of sha-256 over the identity, Crockford base 32 in lower case, 16 characters. */
export function loadIdOf({ source, path, size, mtimeMs, version }: LoadIdentity): string {
  const digest = createHash('sha256')
    .update([source, path, String(size), String(mtimeMs), String(version)].join('\0'))
    .digest();
  let bits = BigInt(`0x${digest.toString('hex', 0, 10)}`);
  let id = '';
  for (let i = 0; i < 16; i += 1) {
    id = (CROCKFORD[Number(bits & 31n)] ?? '') + id;
    bits >>= 5n;
  }
  return id;
}
