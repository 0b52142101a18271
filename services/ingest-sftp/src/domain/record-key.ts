import { joinKey } from '@millrace/contracts';
import type { FieldDef, FieldType, FieldValue, RecordValue } from '@millrace/core';

/** Makes the key's text: timestamps in ISO with µs, dates in ISO, numbers plain, bytes in hexadecimal, null empty. */
export function keyOf(key: readonly string[], fields: readonly FieldDef[]): (record: RecordValue) => string {
  const parts = key.map((name) => {
    const field = fields.find((candidate) => candidate.name === name);
    if (!field) throw new RangeError(`key field ${name} is not a field`);
    return { name, text: textOf(field.type) };
  });
  return (record) => joinKey(parts.map(({ name, text }) => text(record[name] ?? null)));
}

function textOf(type: FieldType): (value: FieldValue) => string {
  switch (type.kind) {
    case 'timestamp':
      return isoTimestamp();
    case 'date':
      return (value) => (typeof value === 'number' ? isoDate(value) : '');
    case 'decimal':
      return (value) => (typeof value === 'bigint' ? decimalText(value, type.scale) : '');
    default:
      return (value) =>
        value === null ? '' : Buffer.isBuffer(value) ? value.toString('hex') : String(value);
  }
}

/** `2026-03-01T12:00:00.123456Z`. Rows of one second come in runs: its text is kept. */
export function isoTimestamp(): (value: FieldValue) => string {
  let second = Number.NaN;
  let text = '';
  return (value) => {
    if (typeof value !== 'number') return '';
    const whole = Math.floor(value / 1_000_000);
    if (whole !== second) {
      second = whole;
      text = new Date(whole * 1_000).toISOString().slice(0, -5);
    }
    const micros = value - whole * 1_000_000;
    return micros === 0 ? `${text}.000000Z` : `${text}.${String(micros).padStart(6, '0')}Z`;
  };
}

function isoDate(days: number): string {
  return new Date(days * 86_400_000).toISOString().slice(0, -14);
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
