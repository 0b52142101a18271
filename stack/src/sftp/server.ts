import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server as TcpServer } from 'node:net';
import ssh2, { type AuthContext, type Server } from 'ssh2';
import { Faults, type SftpFault } from './faults.ts';
import { fingerprintOf, makeKeyPair } from './keys.ts';
import { SftpSession } from './session.ts';

/** Given to the simulator's process in its environment. */
export interface SftpServerConfig {
  readonly root: string;
  readonly port: number;
  readonly controlPort: number;
  readonly controlToken: string;
  readonly hostKey: string;
  /** May log in with the password or the key. */
  readonly user: string;
  readonly password: string;
  /** May log in with the key only. */
  readonly keyUser: string;
  readonly publicKey: string;
}

function same(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The SSH server with its faults. Sockets are accepted here, so that they can be refused and cut. */
export class SftpServer {
  readonly #config: SftpServerConfig;
  readonly #faults = new Faults();
  #ssh: Server;
  #hostKey: string;
  #listener: TcpServer | undefined;

  constructor(config: SftpServerConfig) {
    this.#config = config;
    this.#hostKey = config.hostKey;
    this.#ssh = this.#makeSsh();
  }

  get status(): { connections: number; bytesRead: number; hostKey: string } {
    const { connections, bytesRead } = this.#faults;
    return { connections, bytesRead, hostKey: fingerprintOf(this.#hostKey) };
  }

  listen(): Promise<void> {
    const listener = createServer((socket) => {
      socket.setNoDelay(true);
      this.#faults.adopt(socket);
      this.#ssh.injectSocket(socket);
    });
    this.#listener = listener;
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(this.#config.port, '127.0.0.1', resolve);
    });
  }

  async apply(fault: SftpFault): Promise<void> {
    switch (fault.kind) {
      case 'cut':
        return this.#faults.cut();
      case 'cutAfterBytes':
        return this.#faults.cutAfter(fault.bytes);
      case 'stall':
        return this.#faults.stall();
      case 'slow':
        return this.#faults.slow(fault.bytesPerSecond);
      case 'refuse':
        this.#listener?.close();
        this.#listener = undefined;
        return;
      case 'changeHostKey':
        this.#hostKey = makeKeyPair().privateKey;
        this.#ssh = this.#makeSsh();
        return;
      case 'heal':
        this.#faults.heal();
        if (this.#listener === undefined) await this.listen();
    }
  }

  #makeSsh(): Server {
    return new ssh2.Server({ hostKeys: [this.#hostKey] }, (client) => {
      // Cut and reset connections are what this server is for.
      client.on('error', () => client.end());
      client.on('authentication', (context) => {
        void this.#faults.pass().then(() => this.#authenticate(context));
      });
      client.on('session', (accept) => {
        const session = accept();
        session.on('sftp', (acceptSftp) => new SftpSession(acceptSftp(), this.#config.root, this.#faults));
      });
    });
  }

  #authenticate(context: AuthContext): void {
    if (this.#knows(context)) context.accept();
    else context.reject(['password', 'publickey']);
  }

  #knows(context: AuthContext): boolean {
    const { user, keyUser, password, publicKey } = this.#config;
    if (context.method === 'password') {
      return context.username === user && same(Buffer.from(context.password), Buffer.from(password));
    }
    if (context.method !== 'publickey') return false;
    const known = ssh2.utils.parseKey(publicKey);
    if (known instanceof Error || Array.isArray(known)) return false;
    if (context.username !== user && context.username !== keyUser) return false;
    if (context.key.algo !== known.type || !same(context.key.data, known.getPublicSSH())) return false;
    // Without a signature the client only asks whether the key would do; nobody is let in by that.
    if (context.signature === undefined) return true;
    return context.blob !== undefined && known.verify(context.blob, context.signature) === true;
  }
}
