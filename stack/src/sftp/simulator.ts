import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Part, type PartContext, type Restartable, Supervised } from '../part.ts';
import { connectSftpControl, type SftpControl } from './control.ts';
import { fingerprintOf, makeKeyPair } from './keys.ts';
import type { SftpServerConfig } from './server.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface SftpSimulator extends Part, Restartable, SftpControl {
  /** The served folder on disk. */
  readonly root: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts an SSH server of our own on a folder of the stack. Keys and password are generated once per stack folder. */
export async function startSftp(context: PartContext): Promise<SftpSimulator> {
  const { state } = context;
  const folder = join(state.dir, 'sftp');
  const root = join(folder, 'files');
  await mkdir(root, { recursive: true });
  const hostKey = state.secret('sftp.hostKey', () => makeKeyPair().privateKey);
  const clientKeys = JSON.parse(state.secret('sftp.clientKeys', () => JSON.stringify(makeKeyPair())));
  const { privateKey, publicKey } = clientKeys as ReturnType<typeof makeKeyPair>;
  const keyFile = join(folder, 'id_ed25519');
  await writeFile(keyFile, privateKey, { mode: 0o600 });

  const config: SftpServerConfig = {
    root,
    port: await state.port('sftp'),
    controlPort: await state.port('sftp-control'),
    controlToken: state.secret('sftp.control'),
    hostKey,
    user: 'historian',
    password: state.secret('sftp.password'),
    keyUser: 'collector',
    publicKey,
  };
  const server = new Supervised(context, {
    name: 'sftp',
    command: process.execPath,
    args: [MAIN],
    env: { MILLRACE_SFTP_SIMULATOR: JSON.stringify(config) },
    ready: { log: 'SFTP simulator ready' },
  });
  await server.start();
  const controlUrl = `http://:${config.controlToken}@127.0.0.1:${config.controlPort}/`;
  return Object.assign(server, connectSftpControl(controlUrl), {
    env: {
      SFTP_HOST: '127.0.0.1',
      SFTP_PORT: String(config.port),
      SFTP_USER: config.user,
      SFTP_PASSWORD: config.password,
      SFTP_KEY_USER: config.keyUser,
      SFTP_PRIVATE_KEY_FILE: keyFile,
      SFTP_HOST_KEY: fingerprintOf(hostKey),
      SFTP_ROOT: root,
      SFTP_CONTROL_URL: controlUrl,
    },
    version: 'simulator on ssh2',
    root,
    port: config.port,
  });
}
