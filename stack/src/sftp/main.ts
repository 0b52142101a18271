// The SFTP simulator's process: an SSH server, and a loopback control port through which it can be made to fail.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { SftpFault } from './faults.ts';
import { SftpServer, type SftpServerConfig } from './server.ts';

const config = JSON.parse(process.env.MILLRACE_SFTP_SIMULATOR ?? '{}') as SftpServerConfig;
const server = new SftpServer(config);
await server.listen();

const control = createServer((request, response) => {
  const handle = async () => {
    if (request.headers.authorization !== `Bearer ${config.controlToken}`) {
      response.writeHead(401).end();
      return;
    }
    if (request.method === 'POST') await server.apply(JSON.parse(await text(request)) as SftpFault);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(server.status));
  };
  handle().catch((error: unknown) => response.writeHead(500).end(String(error)));
});
control.listen(config.controlPort, '127.0.0.1', () => console.log('SFTP simulator ready'));
process.once('SIGTERM', () => process.exit(0));
