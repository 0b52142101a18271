import { StackError } from '../errors.ts';
import type { SftpFault } from './faults.ts';

export type { SftpFault } from './faults.ts';

export interface SftpStatus {
  readonly connections: number;
  /** File content sent since the start, in bytes. */
  readonly bytesRead: number;
  /** Fingerprint of the present host key, `SHA256:…`. */
  readonly hostKey: string;
}

/** Makes the simulator fail, from any process that has its `SFTP_CONTROL_URL`. */
export interface SftpControl {
  fault(fault: SftpFault): Promise<SftpStatus>;
  status(): Promise<SftpStatus>;
}

/** @param controlUrl `http://:<token>@127.0.0.1:<port>/`, as in `SFTP_CONTROL_URL` */
export function connectSftpControl(controlUrl: string): SftpControl {
  const url = new URL(controlUrl);
  const authorization = `Bearer ${url.password}`;
  url.password = '';
  const ask = async (init: RequestInit): Promise<SftpStatus> => {
    const response = await fetch(url, {
      ...init,
      headers: { authorization },
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) {
      const remedy = `Its answer: ${await response.text()}`;
      throw new StackError('MR-STACK-SFTP', `the SFTP simulator refused (${response.status})`, remedy);
    }
    return (await response.json()) as SftpStatus;
  };
  return {
    fault: (fault) => ask({ method: 'POST', body: JSON.stringify(fault) }),
    status: () => ask({}),
  };
}
