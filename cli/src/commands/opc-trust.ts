import { createHash, X509Certificate } from 'node:crypto';
import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '@millrace/core';
import type { Session } from '../session/session.ts';

/** A server's certificate that the collector refused. */
interface Refused {
  readonly file: string;
  readonly thumbprint: string;
  readonly subject: string;
  readonly validTo: string;
}

/**
 * `millrace opc trust [thumbprint]`: lists the certificates of OPC UA servers that were refused, or trusts one. Runs
 * beside the collector, on its work folder; the collector takes it at its next try.
 */
export async function opcTrust(session: Session, thumbprint: string | undefined): Promise<void> {
  const store = join(session.environment.workFolder, 'pki');
  const refused = await refusedIn(join(store, 'rejected'));
  const { output } = session;
  if (thumbprint === undefined) {
    if (output.json) output.document(refused.map(({ file: _file, ...rest }) => rest));
    else if (refused.length === 0) output.note('No certificate was refused.');
    else output.lines(refused.map((one) => `${one.thumbprint}  ${one.subject}  valid to ${one.validTo}`));
    return;
  }
  const wanted = thumbprint.toLowerCase().replaceAll(':', '');
  const found = refused.find((one) => one.thumbprint === wanted);
  if (!found) throw notRefused(wanted, store);
  const trusted = join(store, 'trusted', 'certs');
  await mkdir(trusted, { recursive: true });
  await rename(join(store, 'rejected', found.file), join(trusted, found.file));
  if (output.json) output.document({ trusted: found.thumbprint, subject: found.subject });
  else output.line(`${found.thumbprint} (${found.subject}) is trusted now.`);
}

async function refusedIn(folder: string): Promise<Refused[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const refused: Refused[] = [];
  for (const file of names.sort()) {
    const certificate = certificateOf(await readFile(join(folder, file)));
    if (!certificate) continue;
    const thumbprint = createHash('sha1').update(certificate.raw).digest('hex');
    const subject = certificate.subject.replaceAll('\n', ', ');
    refused.push({ file, thumbprint, subject, validTo: certificate.validTo });
  }
  return refused;
}

function certificateOf(bytes: Buffer): X509Certificate | null {
  try {
    return new X509Certificate(bytes);
  } catch {
    // Something else lies there: not ours to judge.
    return null;
  }
}

function notRefused(thumbprint: string, store: string): MillraceError {
  return new MillraceError({
    kind: 'config',
    code: 'MR-OPC-NOT-REFUSED',
    message: `No certificate ${thumbprint} was refused in ${store}.`,
    remedy:
      'See `millrace opc trust` for those that were; MILLRACE_WORK must be the work folder of the collector.',
  });
}
