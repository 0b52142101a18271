import { safeText } from '../text/table.ts';
import { Day, Decimal, Instant } from './exact.ts';

/** A decoded value as JSON without loss: 64-bit integers as JSON numbers, bytes as `0x…`, times as ISO texts. */
export function toJsonText(value: unknown, indent = 0): string {
  return write(value, indent, 0);
}

function write(value: unknown, indent: number, depth: number): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `"${value}"`;
  if (typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (value instanceof Uint8Array) return JSON.stringify(bytesText(value));
  if (isExact(value)) return JSON.stringify(value.toString());
  if (Array.isArray(value)) {
    return bracket(
      '[',
      ']',
      value.map((item) => write(item, indent, depth + 1)),
      indent,
      depth,
    );
  }
  const gap = indent > 0 ? ' ' : '';
  const members = Object.entries(value as object)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => `${JSON.stringify(name)}:${gap}${write(member, indent, depth + 1)}`);
  return bracket('{', '}', members, indent, depth);
}

function bracket(open: string, close: string, items: string[], indent: number, depth: number): string {
  if (items.length === 0) return open + close;
  if (indent === 0) return open + items.join(',') + close;
  const pad = `\n${' '.repeat(indent * (depth + 1))}`;
  return `${open}${pad}${items.join(`,${pad}`)}\n${' '.repeat(indent * depth)}${close}`;
}

/** A decoded value on one line for people: texts unquoted where nothing is lost by it. */
export function toLineText(value: unknown): string {
  if (typeof value === 'string')
    return /^[^\s"'{}[\],=]+$/.test(value) ? safeText(value) : JSON.stringify(value);
  if (value instanceof Uint8Array) return bytesText(value);
  if (isExact(value)) return value.toString();
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (isRecord(value)) {
    return Object.entries(value)
      .map(([name, member]) => `${name}=${isRecord(member) ? `{${toLineText(member)}}` : toLineText(member)}`)
      .join(' ');
  }
  return safeText(toJsonText(value));
}

/** Bytes exactly: `0x` and hex digits. */
export function bytesText(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

/** A decoded value as CEL wants it: dates and instants as timestamps, decimals as doubles, bytes as bytes. */
export function toCelValue(value: unknown): unknown {
  if (value instanceof Instant) return new Date(Number(value.micros / 1_000n));
  if (value instanceof Day) return new Date(value.days * 86_400_000);
  if (value instanceof Decimal) return Number(value.toString());
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(toCelValue);
  if (isRecord(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toCelValue(member)]));
  }
  return value;
}

function isExact(value: unknown): value is Instant | Decimal | Day {
  return value instanceof Instant || value instanceof Decimal || value instanceof Day;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExact(value);
}
