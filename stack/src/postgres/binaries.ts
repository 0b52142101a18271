import { messageOf } from '../errors.ts';
import { debianBinaries, detailOfDebian, isDebianWithApt } from './debian.ts';
import { embeddedBinaries } from './embedded.ts';

/** An unpacked PostgreSQL. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Whether TimescaleDB can be loaded. */
  readonly timescale: boolean;
  /** For people. */
  readonly origin: string;
}

/** TimescaleDB's PostgreSQL where it can be had, a plain one elsewhere; says aloud when it is the plain one. */
export async function findBinaries(progress: (line: string) => void): Promise<PostgresBinaries> {
  let why = detailOfDebian();
  if (await isDebianWithApt()) {
    try {
      return await debianBinaries();
    } catch (error) {
      why = messageOf(error);
    }
  }
  progress(`postgres: WITHOUT TimescaleDB, a plain PostgreSQL instead (${why})`);
  return embeddedBinaries();
}
