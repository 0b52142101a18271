import { reserve, type Slab } from './slab.ts';

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
/** Reused: base-10,000 digits, least significant first. `numeric` of Avro decimals stays far below. */
const digits = new Uint16Array(4_096);

/**
 * `numeric` as COPY BINARY wants it (`numeric_recv` in PostgreSQL's numeric.c): number of base-10,000 digits,
 * weight of the first, sign, scale for display, digits from the most significant.
 */
export function writeNumeric(slab: Slab, unscaled: bigint, scale: number): void {
  const negative = unscaled < 0n;
  const magnitude = negative ? -unscaled : unscaled;
  // Digits are groups of four around the decimal point: pad the fraction to whole groups.
  const fractionGroups = Math.ceil(scale / 4);
  const pad = fractionGroups * 4 - scale;
  const count = magnitude <= MAX_SAFE ? splitSmall(Number(magnitude), pad) : splitLarge(magnitude, pad);
  let trailing = 0;
  while (trailing < count && digits[trailing] === 0) trailing += 1;
  const kept = count - trailing;

  reserve(slab, 12 + 2 * kept);
  const { bytes } = slab;
  let at = bytes.writeInt32BE(8 + 2 * kept, slab.at);
  at = bytes.writeInt16BE(kept, at);
  at = bytes.writeInt16BE(kept === 0 ? 0 : count - 1 - fractionGroups, at);
  at = bytes.writeUInt16BE(negative ? 0x4000 : 0, at);
  at = bytes.writeInt16BE(scale, at);
  for (let i = count - 1; i >= trailing; i -= 1) at = bytes.writeInt16BE(digits[i] ?? 0, at);
  slab.at = at;
}

const POWERS = [1, 10, 100, 1_000] as const;

/** Splits `magnitude` × 10^pad into groups; the last group first, where the padding goes. */
function splitSmall(magnitude: number, pad: number): number {
  const power = POWERS[pad] ?? 1;
  const lowest = 10_000 / power;
  let rest = Math.floor(magnitude / lowest);
  digits[0] = (magnitude % lowest) * power;
  let count = 1;
  while (rest > 0) {
    digits[count] = rest % 10_000;
    rest = Math.floor(rest / 10_000);
    count += 1;
  }
  return digits[0] === 0 && count === 1 ? 0 : count;
}

function splitLarge(magnitude: bigint, pad: number): number {
  const text = magnitude.toString() + '0'.repeat(pad);
  let count = 0;
  for (let end = text.length; end > 0; end -= 4) {
    digits[count] = Number(text.slice(Math.max(0, end - 4), end));
    count += 1;
  }
  return count;
}
