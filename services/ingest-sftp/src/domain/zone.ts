import { IANAZone } from 'luxon';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const CACHED_DAYS_MAX = 4_096;

/** Local wall clock of a zone (ms as if it were UTC) → ms since the epoch, or NaN when the zone skips that time. */
export type ZoneClock = (localMs: number) => number;

/**
 * A local time that the zone passes twice means its first pass. Days without a change of offset (nearly all) cost
 * one look into a small cache.
 */
export function zoneClock(name: string): ZoneClock {
  if (/^(?:utc|etc\/utc|gmt|z)$/i.test(name)) return (localMs) => localMs;
  const zone = IANAZone.create(name);
  const offsetMs = (ms: number): number => Math.round(zone.offset(ms) * MINUTE_MS);
  const steady = new Map<number, number>();

  /** The offset in force from 15 hours before the local day to 15 hours after it, or NaN when it changes. */
  const offsetOfDay = (day: number): number => {
    const known = steady.get(day);
    if (known !== undefined) return known;
    const first = day * DAY_MS - 15 * HOUR_MS;
    let offset = offsetMs(first);
    for (let hour = 2; hour <= 54; hour += 2)
      if (offsetMs(first + hour * HOUR_MS) !== offset) offset = Number.NaN;
    if (steady.size >= CACHED_DAYS_MAX) steady.clear();
    steady.set(day, offset);
    return offset;
  };

  const aroundChange = (localMs: number): number => {
    let earliest = Number.NaN;
    for (let hours = -26; hours <= 26; hours += 2) {
      const candidate = localMs - offsetMs(localMs + hours * HOUR_MS);
      const fits = candidate + offsetMs(candidate) === localMs;
      if (fits && !(candidate >= earliest)) earliest = candidate;
    }
    return earliest;
  };

  return (localMs) => {
    const offset = offsetOfDay(Math.floor(localMs / DAY_MS));
    return Number.isNaN(offset) ? aroundChange(localMs) : localMs - offset;
  };
}
