import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../cache.ts';
import { StackError } from '../errors.ts';
import { run, succeeds } from '../process/run.ts';
import type { PostgresBinaries } from './binaries.ts';

const SUITE = 'trixie';
const KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
];

/** PostgreSQL, TimescaleDB, and the libraries that they load, down to the C library of their own suite. */
const PACKAGES =
  `postgresql-17 postgresql-client-17 postgresql-17-timescaledb patchelf libc6 libgcc-s1 libstdc++6
  libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libicu76 libldap2 libsasl2-2
  liblz4-1 libpam0g libaudit1 libcap-ng0 libpq5 libselinux1 libpcre2-8-0 libssl3t64 libsystemd0 libcap2
  libuuid1 libxml2 liblzma5 libxslt1.1 libgcrypt20 libgpg-error0 libzstd1 libxxhash0 zlib1g libreadline8t64
  libtinfo6`.split(/\s+/);

/** Executables that are pointed at the private C library. */
const PATCHED = ['postgres', 'initdb', 'psql'];

const LAYOUT: Readonly<Record<string, { triplet: string; loader: string }>> = {
  x64: { triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

function osRelease(): Record<string, string> {
  if (!existsSync('/etc/os-release')) return {};
  const lines = readFileSync('/etc/os-release', 'utf8').split('\n');
  return Object.fromEntries(lines.map((line) => line.split('=', 2).map((part) => part.replaceAll('"', ''))));
}

/** Why the Debian way is not taken, for the progress line. */
export function detailOfDebian(): string {
  return 'TimescaleDB is fetched on Debian with apt only';
}

export async function isDebianWithApt(): Promise<boolean> {
  const known = LAYOUT[process.arch] !== undefined && KEYRINGS.some((file) => existsSync(file));
  return (
    process.platform === 'linux' && osRelease().ID === 'debian' && known && succeeds('apt-get', ['--version'])
  );
}

/** The archive that this machine's own apt uses. */
async function mirror(): Promise<string> {
  const format = '$(RELEASE) $(COMPONENT) $(REPO_URI)';
  const targets = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const codename = osRelease().VERSION_CODENAME;
  for (const line of targets.split('\n')) {
    const [release, component, uri] = line.split(' ');
    if (release === codename && component === 'main' && uri !== undefined) return uri;
  }
  throw new StackError('MR-STACK-APT', 'no Debian archive in the apt sources', 'Check /etc/apt/sources.list');
}

/** A private apt: own state, lists and cache; the machine's own is not touched and root is not needed. */
async function privateApt(folder: string): Promise<Record<string, string>> {
  const keyring = KEYRINGS.find((file) => existsSync(file));
  for (const sub of ['state', 'lists/partial', 'cache/archives/partial']) {
    await mkdir(join(folder, sub), { recursive: true });
  }
  await writeFile(join(folder, 'status'), '');
  await writeFile(
    join(folder, 'sources.list'),
    `deb [signed-by=${keyring}] ${await mirror()} ${SUITE} main\n`,
  );
  const config = join(folder, 'apt.conf');
  await writeFile(
    config,
    `Dir::State "${folder}/state";
Dir::State::status "${folder}/status";
Dir::State::Lists "${folder}/lists";
Dir::Cache "${folder}/cache";
Dir::Etc::sourcelist "${folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
APT::Sandbox::User "root";
Debug::NoLocking "true";
`,
  );
  return { APT_CONFIG: config };
}

async function fill(
  folder: string,
  target: string,
  layout: { triplet: string; loader: string },
): Promise<void> {
  const apt = join(folder, 'apt');
  const debs = join(folder, 'debs');
  await mkdir(debs, { recursive: true });
  const env = await privateApt(apt);
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['download', '-q', ...PACKAGES], { env, cwd: debs });
  for (const deb of await readdir(debs)) await run('dpkg-deb', ['-x', join(debs, deb), folder]);

  const libraries = join(folder, 'usr', 'lib', layout.triplet);
  const patchelf = ['--library-path', libraries, join(folder, 'usr', 'bin', 'patchelf')];
  const finalLibraries = join(target, 'usr', 'lib', layout.triplet);
  const change = [
    '--set-interpreter',
    join(finalLibraries, layout.loader),
    '--force-rpath',
    '--set-rpath',
    finalLibraries,
  ];
  for (const name of PATCHED) {
    const file = join(folder, 'usr', 'lib', 'postgresql', '17', 'bin', name);
    await run(join(libraries, layout.loader), [...patchelf, ...change, file]);
  }
  await rm(apt, { recursive: true });
  await rm(debs, { recursive: true });
}

/**
 * PostgreSQL 17 with TimescaleDB (Apache edition) from Debian's signed packages, in a private prefix of the cache.
 * @throws StackError when apt cannot reach or verify the archive
 */
export async function debianBinaries(): Promise<PostgresBinaries> {
  const layout = LAYOUT[process.arch];
  if (layout === undefined)
    throw new StackError('MR-STACK-APT', `no layout for ${process.arch}`, 'Use another machine');
  const fingerprint = `${SUITE} ${process.arch} ${PACKAGES.join(' ')} ${PATCHED.join(' ')}`;
  const prefix = await cached('postgres-17', fingerprint, (folder, target) => fill(folder, target, layout));
  const bin = join(prefix, 'usr', 'lib', 'postgresql', '17', 'bin');
  return {
    initdb: join(bin, 'initdb'),
    postgres: join(bin, 'postgres'),
    timescale: true,
    origin: `Debian ${SUITE}`,
  };
}
