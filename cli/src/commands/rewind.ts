import type { Session } from '../session/session.ts';

export interface RewindOptions {
  readonly to?: string;
  readonly load?: string;
  readonly plan: boolean;
}

export async function rewindSink(_session: Session, _name: string, _options: RewindOptions): Promise<void> {
  throw new Error('not built yet');
}
