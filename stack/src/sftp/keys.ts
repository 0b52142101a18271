import { createHash } from 'node:crypto';
import ssh2 from 'ssh2';

/** A new ed25519 key pair in OpenSSH's formats. */
export function makeKeyPair(): { readonly privateKey: string; readonly publicKey: string } {
  const pair = ssh2.utils.generateKeyPairSync('ed25519');
  return { privateKey: pair.private, publicKey: pair.public };
}

/** `SHA256:…`, as OpenSSH prints it, of a private or public key. */
export function fingerprintOf(key: string): string {
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error) throw parsed;
  const digest = createHash('sha256').update(parsed.getPublicSSH()).digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}
