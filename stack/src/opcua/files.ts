import { join } from 'node:path';

/** The files of a stack's folder, for the server's process and for whoever connects to it. */
export function opcuaFiles(folder: string) {
  const server = join(folder, 'pki');
  const user = join(folder, 'user-pki');
  return {
    server,
    user,
    serverKey: join(server, 'own', 'private', 'private_key.pem'),
    /** @param generation 0, and one more for each change of the certificate */
    serverCertificate: (generation: number) => join(server, 'own', 'certs', `server-${generation}.pem`),
    userKey: join(user, 'own', 'private', 'private_key.pem'),
    userCertificate: join(user, 'own', 'certs', 'user.pem'),
  };
}
