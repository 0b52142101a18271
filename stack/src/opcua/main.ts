// The OPC UA simulator's process: a plant, a server that shows it, and a loopback control port through which the
// server can be made to fail.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { OpcuaStatus } from './control.ts';
import type { OpcuaFault } from './faults.ts';
import { Plant } from './plant.ts';
import { PlantServer, type PlantServerConfig } from './server.ts';
import { planTags } from './tags.ts';
import { Updates } from './updates.ts';

export interface OpcuaSimulatorConfig extends PlantServerConfig {
  readonly controlPort: number;
  readonly controlToken: string;
  readonly tags: number;
  readonly updateMs: number;
  readonly historyValues: number;
}

const config = JSON.parse(process.env.MILLRACE_OPCUA_SIMULATOR ?? '{}') as OpcuaSimulatorConfig;
const plant = new Plant(planTags(config.tags), config.historyValues);
const server = new PlantServer(config, plant, () => updates.everyMs);
const updates = new Updates(config.updateMs, () =>
  plant.issue(Date.now(), (id, reading) => server.show(id, reading)),
);
let restarts = 0;

async function apply(fault: OpcuaFault): Promise<void> {
  switch (fault.kind) {
    case 'restart':
      await server.restart(fault.shiftNamespaces ?? false, fault.newCertificate ?? false, fault.downMs ?? 0);
      restarts += 1;
      return;
    case 'deleteTags':
      for (const id of fault.ids) if (plant.remove(id)) server.nodes?.remove(id);
      return;
    case 'addTags':
      for (const id of fault.ids) server.nodes?.add(plant.add(id, Date.now()));
      return;
    case 'cut':
      return server.cut();
    case 'dropSessions':
      return server.dropSessions();
    case 'dropSubscriptions':
      return server.dropSubscriptions();
    case 'silent':
      return server.silence();
    case 'stall':
      return server.stall();
    case 'slow':
      return server.slow(fault.delayMs);
    case 'refuseCertificates':
      return server.refuseCertificates();
    case 'stopUpdates':
      return updates.stop();
    case 'issue':
      return updates.now(fault.readings);
    case 'updateEvery':
      return updates.every(fault.ms);
    case 'heal':
      server.heal();
      updates.start();
      return;
    default:
      throw new Error(`no such fault: ${JSON.stringify(fault satisfies never)}`);
  }
}

function status(): OpcuaStatus {
  return {
    tags: plant.size,
    namespaceIndex: server.nodes?.namespaceIndex ?? 0,
    certificateFile: server.certificateFile,
    ...server.counts,
    updating: updates.running,
    restarts,
  };
}

const control = createServer((request, response) => {
  const handle = async () => {
    if (request.headers.authorization !== `Bearer ${config.controlToken}`) {
      response.writeHead(401).end();
      return;
    }
    if (request.method === 'POST') await apply(JSON.parse(await text(request)) as OpcuaFault);
    const answer = request.url === '/issued' ? plant.issued() : status();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  };
  handle().catch((error: unknown) => response.writeHead(500).end(String(error)));
});

process.once('SIGTERM', () => process.exit(0));
updates.now(1);
await server.start();
updates.start();
control.listen(config.controlPort, '127.0.0.1', () => console.log('OPC UA simulator ready'));
