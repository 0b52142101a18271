import { MillraceError } from '@millrace/core';

/** What the server can do for a series. */
export type ServerKind = 'community' | 'apache' | 'plain';

export interface Server {
  readonly kind: ServerKind;
  /** Of the extension; empty without it. */
  readonly version: string;
  /** Schema that the extension's functions lie in. */
  readonly extensionSchema: string;
  /** One clear sentence for people. */
  readonly description: string;
}

/** What the database says of itself; null without the extension. */
export interface Extension {
  readonly version: string;
  readonly schema: string;
  /** `timescaledb.license`: `timescale` or `apache`. */
  readonly license: string;
}

/** `by_range` came with it. */
const OLDEST = [2, 13, 0] as const;
/** Before it, ON CONFLICT loses rows in compressed chunks; the Apache edition cannot compress. */
const OLDEST_COMPRESSING = [2, 18, 1] as const;

/** @throws MillraceError `systemic` for a version that loses data or lacks what we need */
export function serverOf(extension: Extension | null): Server {
  if (extension === null) {
    return {
      kind: 'plain',
      version: '',
      extensionSchema: '',
      description:
        'plain PostgreSQL: an ordinary table; aggregates, retention and row limit are kept by this service',
    };
  }
  const { version, schema, license } = extension;
  const kind = license === 'timescale' ? 'community' : 'apache';
  const least = kind === 'community' ? OLDEST_COMPRESSING : OLDEST;
  if (isOlder(version, least)) throw tooOld(version, kind, least.join('.'));
  const description =
    kind === 'community'
      ? `TimescaleDB ${version}, community edition: hypertable, continuous aggregates and policies of the server`
      : `TimescaleDB ${version}, Apache edition: hypertable; aggregates, retention and row limit are kept by this service`;
  return { kind, version, extensionSchema: schema, description };
}

function isOlder(version: string, least: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map((part) => Number.parseInt(part, 10));
  for (const [i, wanted] of least.entries()) {
    // 2.18.1-dev counts as 2.18.1; what cannot be read counts as 0.
    const part = Number.isInteger(parts[i]) ? (parts[i] ?? 0) : 0;
    if (part !== wanted) return part < wanted;
  }
  return false;
}

function tooOld(version: string, kind: ServerKind, least: string): MillraceError {
  const why =
    kind === 'community'
      ? 'loses rows that meet a conflict in a compressed chunk'
      : 'lacks functions that we need';
  return new MillraceError({
    kind: 'systemic',
    code: 'MR-TS-VERSION',
    message: `TimescaleDB ${version} ${why}; at least ${least} is needed`,
    remedy: 'Install a newer TimescaleDB and run ALTER EXTENSION timescaledb UPDATE in a new session.',
  });
}
