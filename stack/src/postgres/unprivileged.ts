import { readFileSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { StackError } from '../errors.ts';
import { succeeds } from '../process/run.ts';

/** PostgreSQL refuses to run as root. These run a command as somebody else, or unchanged when we are not root. */
export interface Runner {
  wrap(command: string, args: readonly string[]): readonly [string, readonly string[]];
  /** Gives a folder to the user that commands run as. */
  own(folder: string): Promise<void>;
}

const SAME_USER: Runner = {
  wrap: (command, args) => [command, args],
  own: async () => undefined,
};

function account(): { uid: number; gid: number } {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const wanted of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${wanted}:`))?.split(':');
    if (fields?.[2] !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new StackError('MR-STACK-POSTGRES', 'no unprivileged user', 'Create a user named postgres');
}

/**
 * A project in a private folder (mode 700) is out of an unprivileged user's reach; there the command keeps the one
 * capability that passes file permissions, which PostgreSQL does not mind. The secure bit makes it count for
 * access(2) too, by which initdb looks for its server.
 */
const REACH = [
  '--securebits=+no_setuid_fixup',
  '--inh-caps',
  '+dac_override',
  '--ambient-caps',
  '+dac_override',
];

/**
 * @param folders that the commands must be able to reach
 * @throws StackError MR-STACK-POSTGRES when root cannot run it as somebody else
 */
export async function unprivileged(folders: readonly string[]): Promise<Runner> {
  if (process.getuid?.() !== 0) return SAME_USER;
  const { uid, gid } = account();
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const enter = folders.map((_, index) => `test -x "$${index + 1}"`).join(' && ');
  for (const flags of [identity, [...identity, ...REACH]]) {
    if (!(await succeeds('setpriv', [...flags, 'sh', '-c', enter, 'sh', ...folders]))) continue;
    return {
      wrap: (command, args) => ['setpriv', [...flags, command, ...args]],
      own: (folder) => chown(folder, uid, gid),
    };
  }
  const remedy =
    'Install setpriv (util-linux), or run as an ordinary user, or move the project to a readable folder';
  throw new StackError('MR-STACK-POSTGRES', 'PostgreSQL cannot run as another user here', remedy);
}
