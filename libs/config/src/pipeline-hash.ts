import { createHash } from 'node:crypto';
import type { Pipeline } from './model.ts';
import type { Path, Plain } from './source-text/yaml-file.ts';

/** sha-256 of a value's JSON, 16 hex digits. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

const SECRETS =
  /^(source\/sftp\/(password|privateKey|passphrase)|source\/opcua\/servers\/\d+\/password|sinks\/[^/]+\/(postgres|timescale)\/url)$/;
/** Maps whose order means something. */
const ORDERED = [
  /^record\/fields$/,
  /^transform\/(compute|outputs)$/,
  /^sinks\/[^/]+\/columns$/,
  /^sinks\/[^/]+\/aggregates\/[^/]+\/select$/,
];

/**
 * The hash of what the file says: comments, layout, order of keys and the values of secrets and variables left out.
 * It is made before variables are put in: the same file on another host is the same pipeline.
 */
export function meaningHash(root: Plain): string {
  return hashOf(canonical(root, []));
}

function canonical(value: Plain, path: Path): unknown {
  if (Array.isArray(value)) return value.map((item, index) => canonical(item, [...path, index]));
  if (value === null || typeof value !== 'object') {
    return SECRETS.test(path.join('/')) ? '[secret]' : value;
  }
  const entries = Object.entries(value).map(([key, item]) => [key, canonical(item, [...path, key])] as const);
  const place = path.join('/');
  return ORDERED.some((pattern) => pattern.test(place))
    ? entries
    : entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The part that must not change within a generation. Sinks have their own: one may be added at any time. */
export function layoutHashOf(pipeline: Pick<Pipeline, 'partitions' | 'record' | 'transform'>): string {
  const { partitions, record, transform } = pipeline;
  return hashOf({
    partitions,
    key: record.key,
    dedupe: transform.dedupe?.key ?? null,
    outputs: transform.outputs.map(({ name, key }) => ({ name, key })),
  });
}
