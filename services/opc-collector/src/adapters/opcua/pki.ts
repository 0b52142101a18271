import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '@millrace/core';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { StatusCodes } from 'node-opcua-client';

/** Our own certificate and the lists of servers' certificates: `own`, `trusted`, `rejected`, `issuers`. */
export interface Pki {
  readonly manager: OPCUACertificateManager;
  readonly applicationUri: string;
  readonly certificateFile: string;
}

/** One per process. The store is `<work folder>/pki`; an unknown certificate is refused and kept in `rejected`. */
export async function openPki(workFolder: string): Promise<Pki> {
  const rootFolder = join(workFolder, 'pki');
  await mkdir(rootFolder, { recursive: true });
  const manager = new OPCUACertificateManager({ rootFolder, automaticallyAcceptUnknownCertificate: false });
  await manager.initialize();
  // Clients give it back when they disconnect, which would close the store under the others.
  manager.referenceCounter += 1;
  const applicationUri = `urn:${hostname()}:millrace`;
  const certificateFile = join(rootFolder, 'own', 'certs', 'millrace.pem');
  return { manager, applicationUri, certificateFile };
}

/** @throws MillraceError `systemic` when nobody has said that this server is the one it says it is */
export async function checkServerCertificate(pki: Pki, server: string, certificate: Buffer): Promise<void> {
  const status = await pki.manager.checkCertificate(certificate);
  if (status.equals(StatusCodes.Good)) return;
  const thumbprint = createHash('sha1').update(certificate).digest('hex');
  throw new MillraceError({
    kind: 'systemic',
    code: 'MR-OPC-UNTRUSTED',
    message: `${server}: the server's certificate ${thumbprint} is not trusted (${status.name}).`,
    remedy: `Compare the thumbprint with the one on the server; then: millrace opc trust ${thumbprint}`,
  });
}
