import type { OpcuaGroup, OpcuaServer } from '@millrace/config';
import { asMillraceError, Backoff, type Clock, MillraceError, policyFor, type Random } from '@millrace/core';
import { type Connection, connect } from './adapters/opcua/connect.ts';
import { opcuaError } from './adapters/opcua/errors.ts';
import type { Pki } from './adapters/opcua/pki.ts';
import { Escalation } from './domain/escalation.ts';
import type { CollectorEvent } from './events.ts';
import type { Intake } from './intake.ts';
import { CollectingSession, SilentServer } from './session.ts';

export interface CollectDeps {
  readonly server: OpcuaServer;
  readonly groups: readonly OpcuaGroup[];
  readonly pki: Pki;
  readonly intake: Intake;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: CollectorEvent) => void;
  /** Something moved: for the liveness of the process. */
  readonly turn: () => void;
}

/**
 * Collects from one server until the signal aborts: connection → session → subscriptions, each made anew as often as
 * it takes, with jitter. Rejects only when a new connection does not end a silence either: `MR-OPC-SILENT`, the
 * process is to end then.
 */
export async function collect(deps: CollectDeps, signal: AbortSignal): Promise<void> {
  const { server, clock, random, emit, pki } = deps;
  const escalation = new Escalation();
  let backoff: Backoff | null = null;
  let told = '';
  while (!signal.aborted) {
    let connection: Connection | null = null;
    try {
      deps.turn();
      connection = await connect(server, pki);
      await sessionsOn(connection, deps, escalation, signal, () => {
        backoff = null;
        told = '';
      });
    } catch (thrown) {
      if (signal.aborted) return;
      const error = asMillraceError(thrown);
      if (error.code === 'MR-OPC-SILENT') throw error;
      backoff ??= new Backoff(policyFor(error.kind === 'systemic' ? 'systemic' : 'transient'), random);
      const retryInMs = backoff.next();
      if (told !== error.code)
        emit({
          type: 'server-lost',
          server: server.name,
          error,
          retryInMs,
          loud: policyFor(error.kind).alert,
        });
      told = error.code;
      await connection?.close();
      connection = null;
      await clock.sleep(retryInMs, signal).catch(() => undefined);
    } finally {
      await connection?.close();
    }
  }
}

/** Session after session on one connection, as long as a new session is what helps. */
async function sessionsOn(
  connection: Connection,
  deps: CollectDeps,
  escalation: Escalation,
  signal: AbortSignal,
  onUp: () => void,
): Promise<void> {
  const either = AbortSignal.any([signal, connection.lost]);
  while (!signal.aborted) {
    either.throwIfAborted();
    const session = await connection.openSession();
    const collecting = new CollectingSession(session, connection, deps, escalation);
    try {
      await collecting.run(either, onUp);
    } catch (error) {
      if (!(error instanceof SilentServer)) throw connection.lost.aborted ? connection.lost.reason : error;
      if (error.remedy === 'session') continue;
      const { name } = deps.server;
      throw error.remedy === 'exit' ? silent(name) : opcuaError(name, new Error('The connection is silent.'));
    } finally {
      await collecting.close();
    }
  }
}

function silent(server: string): MillraceError {
  return new MillraceError({
    kind: 'transient',
    code: 'MR-OPC-SILENT',
    message: `${server}: neither a new subscription, nor a new session, nor a new connection ended the silence.`,
    remedy: 'The process ends so that it is started anew. Look at the server.',
  });
}
