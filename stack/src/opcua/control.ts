import { StackError } from '../errors.ts';
import type { OpcuaFault } from './faults.ts';
import type { IssuedTag } from './plant.ts';

export interface OpcuaStatus {
  readonly tags: number;
  /** Of the plant, since the last start of its server. */
  readonly namespaceIndex: number;
  /** PEM file of what the server shows at present. */
  readonly certificateFile: string;
  readonly connections: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly monitoredItems: number;
  readonly updating: boolean;
  readonly restarts: number;
}

/** Makes the simulator fail and tells what it has issued, from any process that has its `OPCUA_CONTROL_URL`. */
export interface OpcuaControl {
  /** Resolves when it has happened; a restart when the server is back. */
  fault(fault: OpcuaFault): Promise<OpcuaStatus>;
  status(): Promise<OpcuaStatus>;
  /** Every sequence tag, deleted ones included. */
  issued(): Promise<readonly IssuedTag[]>;
}

const DEADLINE_MS = 60_000;

/** @param controlUrl `http://:<token>@127.0.0.1:<port>/`, as in `OPCUA_CONTROL_URL` */
export function connectOpcuaControl(controlUrl: string): OpcuaControl {
  const url = new URL(controlUrl);
  const authorization = `Bearer ${url.password}`;
  url.password = '';
  const ask = async <Answer>(path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(new URL(path, url), {
      ...init,
      headers: { authorization },
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    if (!response.ok) {
      const remedy = `Its answer: ${await response.text()}`;
      throw new StackError('MR-STACK-OPCUA', `the OPC UA simulator refused (${response.status})`, remedy);
    }
    return (await response.json()) as Answer;
  };
  return {
    fault: (fault) => ask('/', { method: 'POST', body: JSON.stringify(fault) }),
    status: () => ask('/', {}),
    issued: () => ask('/issued', {}),
  };
}
