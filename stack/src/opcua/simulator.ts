import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Part, type PartContext, type Restartable, Supervised } from '../part.ts';
import { connectOpcuaControl, type OpcuaControl } from './control.ts';
import { opcuaFiles } from './files.ts';
import type { OpcuaSimulatorConfig } from './main.ts';
import type { OpcuaOperationLimits } from './server.ts';
import { PLANT_NAMESPACE_URI } from './tags.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface OpcuaOptions {
  /** Default 200; half of them are sequences. */
  readonly tags?: number;
  /** Every tag has a new reading that often. Default 1,000. */
  readonly updateMs?: number;
  /** Readings that HistoryRead gives of each sequence. Default 5,000. */
  readonly historyValues?: number;
  readonly operationLimits?: OpcuaOperationLimits;
}

export interface OpcuaSimulator extends Part, Restartable, OpcuaControl {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts an OPC UA server of our own over a simulated plant. Password and certificates are generated once per stack
 * folder. Killed and started again the plant counts from 1 anew: `fault({ kind: 'restart' })` keeps its counts.
 */
export async function startOpcua(context: PartContext, options: OpcuaOptions): Promise<OpcuaSimulator> {
  const { state } = context;
  const folder = join(state.dir, 'opcua');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const config: OpcuaSimulatorConfig = {
    folder,
    port: await state.port('opcua'),
    controlPort: await state.port('opcua-control'),
    controlToken: state.secret('opcua.control'),
    user: 'collector',
    password: state.secret('opcua.password'),
    tags: options.tags ?? 200,
    updateMs: options.updateMs ?? 1_000,
    historyValues: options.historyValues ?? 5_000,
    operationLimits: options.operationLimits ?? {},
  };
  const server = new Supervised(context, {
    name: 'opcua',
    command: process.execPath,
    args: [MAIN],
    env: { MILLRACE_OPCUA_SIMULATOR: JSON.stringify(config) },
    ready: { log: 'OPC UA simulator ready' },
  });
  await server.start();
  const files = opcuaFiles(folder);
  const controlUrl = `http://:${config.controlToken}@127.0.0.1:${config.controlPort}/`;
  return Object.assign(server, connectOpcuaControl(controlUrl), {
    env: {
      OPCUA_ENDPOINT: `opc.tcp://127.0.0.1:${config.port}`,
      OPCUA_NAMESPACE_URI: PLANT_NAMESPACE_URI,
      OPCUA_USER: config.user,
      OPCUA_PASSWORD: config.password,
      OPCUA_SERVER_CERT_FILE: files.serverCertificate(0),
      OPCUA_USER_CERT_FILE: files.userCertificate,
      OPCUA_USER_KEY_FILE: files.userKey,
      OPCUA_CONTROL_URL: controlUrl,
    },
    version: 'simulator on node-opcua',
    port: config.port,
  });
}
