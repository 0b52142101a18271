import { X509Certificate } from 'node:crypto';
import type { OpcuaServer } from '@millrace/config';
import { MillraceError } from '@millrace/core';
import {
  type ClientSession,
  type EndpointDescription,
  MessageSecurityMode,
  OPCUAClient,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua-client';
import { opcuaError } from './errors.ts';
import { checkServerCertificate, type Pki } from './pki.ts';

const POLICY_PREFIX = 'http://opcfoundation.org/UA/SecurityPolicy#';
/** From strong to weak; older ones are used only when they are named. */
const GOOD_POLICIES = ['Aes256_Sha256_RsaPss', 'Aes128_Sha256_RsaOaep', 'Basic256Sha256'] as const;
const SESSION_TIMEOUT_MS = 60_000;

/** node-opcua's own reconnection is off: a connection that is lost stays lost, and says so. */
const NO_RECONNECTION = { maxRetry: 0, initialDelay: 100, maxDelay: 1_000 };

export interface Connection {
  readonly client: OPCUAClient;
  /** Aborted, with the reason, when the connection is lost. */
  readonly lost: AbortSignal;
  openSession(): Promise<ClientSession>;
  close(): Promise<void>;
}

/** What the server offers, from an unprotected channel: nothing is trusted yet. */
export async function endpointsOf(server: OpcuaServer, pki: Pki): Promise<readonly EndpointDescription[]> {
  const client = OPCUAClient.create({ ...base(server, pki), endpointMustExist: false });
  try {
    await client.connect(server.endpoint);
    return await client.getEndpoints();
  } catch (error) {
    throw opcuaError(server.name, error);
  } finally {
    await client.disconnect().catch(() => undefined);
  }
}

/**
 * The strongest endpoint that the configuration allows.
 * @throws MillraceError `systemic` when there is none: a weaker one is never taken
 */
export function chooseEndpoint(
  server: OpcuaServer,
  endpoints: readonly EndpointDescription[],
): EndpointDescription {
  const { mode, policy } = server.security;
  const wanted = MessageSecurityMode[mode];
  const policies: readonly string[] = policy === 'best' ? GOOD_POLICIES : [policy];
  const fitting = endpoints.filter((one) => one.securityMode === wanted);
  for (const name of policies) {
    const found = fitting.find((one) => one.securityPolicyUri === POLICY_PREFIX + name);
    if (found) return found;
  }
  const offered = endpoints.map(
    (one) =>
      `${MessageSecurityMode[one.securityMode]}/${(one.securityPolicyUri ?? '').slice(POLICY_PREFIX.length)}`,
  );
  throw new MillraceError({
    kind: 'systemic',
    code: 'MR-OPC-SECURITY',
    message: `${server.name}: the server does not offer ${mode} with ${policies.join(' or ')}; it offers ${offered.join(', ') || 'nothing'}.`,
    remedy: 'Have the server offer it. A weaker one is used only when the pipeline names it.',
  });
}

/** Connects with the configured security, the server's certificate verified before anything is sent over it. */
export async function connect(server: OpcuaServer, pki: Pki): Promise<Connection> {
  const endpoint = chooseEndpoint(server, await endpointsOf(server, pki));
  const secure = endpoint.securityMode !== MessageSecurityMode.None;
  if (secure) await checkServerCertificate(pki, server.name, endpoint.serverCertificate);
  const client = OPCUAClient.create({
    ...base(server, pki),
    securityMode: endpoint.securityMode,
    securityPolicy: endpoint.securityPolicyUri ?? '',
    ...(secure && { serverCertificate: endpoint.serverCertificate }),
    // Servers name themselves by hosts that we may not reach them by.
    endpointMustExist: false,
    requestedSessionTimeout: SESSION_TIMEOUT_MS,
    keepSessionAlive: true,
  });
  const lost = new AbortController();
  const lose = (why: string): void =>
    lost.abort(opcuaError(server.name, new Error(`The connection was lost (${why}).`)));
  client.on('connection_lost', () => lose('by the network or the server'));
  client.on('close', (error) => lose(error?.message ?? 'closed'));
  try {
    await client.connect(server.endpoint);
  } catch (error) {
    await client.disconnect().catch(() => undefined);
    throw opcuaError(server.name, error);
  }
  return {
    client,
    lost: lost.signal,
    openSession: () =>
      client.createSession(identityOf(server)).catch((error: unknown) => {
        throw opcuaError(server.name, error);
      }),
    close: () => client.disconnect().catch(() => undefined),
  };
}

function base(server: OpcuaServer, pki: Pki) {
  return {
    applicationName: 'Millrace',
    applicationUri: pki.applicationUri,
    clientName: 'millrace-opc-collector',
    clientCertificateManager: pki.manager,
    certificateFile: pki.certificateFile,
    connectionStrategy: NO_RECONNECTION,
    transportTimeout: server.requestTimeoutMs,
    defaultTransactionTimeout: server.requestTimeoutMs,
  };
}

function identityOf({ auth }: OpcuaServer): UserIdentityInfo {
  switch (auth.kind) {
    case 'anonymous':
      return { type: UserTokenType.Anonymous };
    case 'password':
      return { type: UserTokenType.UserName, userName: auth.user, password: auth.password.reveal() };
    case 'certificate':
      return {
        type: UserTokenType.Certificate,
        certificateData: new X509Certificate(auth.certificate).raw,
        privateKey: auth.privateKey.reveal(),
      };
  }
}
