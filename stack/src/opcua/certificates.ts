import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import { type StatusCode, StatusCodes } from 'node-opcua-client';
import { opcuaFiles } from './files.ts';

export const APPLICATION_URI = 'urn:millrace:simulator:opcua';
const VALIDITY_DAYS = 3_650;
const CLOCK_SKEW_MS = 3_600_000;

type Certificate = Buffer;
type StatusCodeCallback = (error: Error | null, status?: StatusCode) => void;

/** Takes any client's certificate, as a test server does, or refuses all of them. */
class ClientCertificates extends OPCUACertificateManager {
  readonly #refused: () => boolean;

  constructor(rootFolder: string, refused: () => boolean) {
    super({ rootFolder, automaticallyAcceptUnknownCertificate: true, disableFileWatchers: true });
    this.#refused = refused;
  }

  override checkCertificate(chain: Certificate | Certificate[]): Promise<StatusCode>;
  override checkCertificate(chain: Certificate | Certificate[], callback: StatusCodeCallback): void;
  override checkCertificate(
    chain: Certificate | Certificate[],
    callback?: StatusCodeCallback,
  ): Promise<StatusCode> | undefined {
    const check = this.#refused()
      ? Promise.resolve(StatusCodes.BadCertificateUntrusted)
      : super.checkCertificate(chain);
    if (callback === undefined) return check;
    check.then(
      (status) => callback(null, status),
      (error: Error) => callback(error),
    );
    return undefined;
  }
}

async function certify(
  manager: OPCUACertificateManager,
  file: string,
  name: string,
  uri: string,
): Promise<void> {
  if (existsSync(file)) return;
  await manager.createSelfSignedCertificate({
    subject: `/CN=${name}/O=Millrace`,
    applicationUri: uri,
    dns: ['localhost', hostname()],
    ip: ['127.0.0.1'],
    startDate: new Date(Date.now() - CLOCK_SKEW_MS),
    validity: VALIDITY_DAYS,
    outputFile: file,
  });
}

export interface ServerCertificates {
  readonly clients: OPCUACertificateManager;
  readonly users: OPCUACertificateManager;
  readonly certificateFile: string;
  readonly privateKeyFile: string;
}

/** Opens both stores and makes what is missing: the server's certificate, and one that a user may log in with. */
export async function openCertificates(
  folder: string,
  generation: number,
  refused: () => boolean,
): Promise<ServerCertificates> {
  const files = opcuaFiles(folder);
  const clients = new ClientCertificates(files.server, refused);
  const users = new OPCUACertificateManager({ rootFolder: files.user, disableFileWatchers: true });
  await Promise.all([clients.initialize(), users.initialize()]);
  const certificateFile = files.serverCertificate(generation);
  await certify(clients, certificateFile, `Simulator ${generation}`, APPLICATION_URI);
  await certify(users, files.userCertificate, 'Simulated user', 'urn:millrace:simulator:user');
  await users.trustCertificate(new X509Certificate(await readFile(files.userCertificate)).raw);
  return { clients, users, certificateFile, privateKeyFile: files.serverKey };
}
