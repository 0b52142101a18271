import { MillraceError } from '@millrace/core';

/** Texts in which node-opcua and servers tell that they refuse us, not that they are away. */
const REFUSALS: readonly (readonly [pattern: RegExp, code: string, remedy: string])[] = [
  [
    /BadUserAccessDenied|BadIdentityTokenRejected|BadIdentityTokenInvalid/,
    'MR-OPC-AUTH',
    'Check user, password or certificate of this server, and what logins its endpoint allows.',
  ],
  [
    /BadCertificateUntrusted|BadSecurityChecksFailed|BadCertificate\w+/,
    'MR-OPC-CERTIFICATE',
    "The server does not accept our certificate, or we do not accept the server's. Trust ours on the server; see `millrace opc trust` for the other way.",
  ],
  [
    /BadSecurityPolicyRejected|BadSecurityModeRejected/,
    'MR-OPC-SECURITY',
    'The server refuses this security mode or policy: have it offered, or name another in the pipeline.',
  ],
  [
    /BadTooManySessions|BadTooManySubscriptions|BadTooManyMonitoredItems/,
    'MR-OPC-LIMIT',
    'The server allows no more. Raise its limits, or collect less.',
  ],
];

/** What node-opcua threw, as one of ours: `systemic` when the server refuses, else `transient`. */
export function opcuaError(server: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const [message = ''] = text.split('\n');
  for (const [pattern, code, remedy] of REFUSALS) {
    if (!pattern.test(text)) continue;
    return new MillraceError({
      kind: 'systemic',
      code,
      message: `${server}: ${message}`,
      remedy,
      cause: error,
    });
  }
  return new MillraceError({
    kind: 'transient',
    code: 'MR-OPC-CONNECTION',
    message: `${server}: ${message}`,
    remedy: 'Look at server and network if it lasts.',
    cause: error,
  });
}
