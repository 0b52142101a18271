import { addedTag, type Quality, qualityOf, type TagPlan, type TagValue, tagValue } from './tags.ts';

export interface Reading {
  readonly value: TagValue;
  readonly quality: Quality;
  /** Source time, strictly increasing per tag. */
  readonly time: Date;
}

/** What has been issued of a sequence tag: each of `first`…`last`, once. */
export interface IssuedTag {
  readonly id: string;
  /** 0 while none has been issued. */
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** The oldest one that HistoryRead still gives; 0 where there is none. */
  readonly oldestInHistory: number;
}

/** The times of the last readings; value and quality follow from the number. */
class Tag {
  readonly plan: TagPlan;
  readonly #times: Float64Array;
  last = 0;

  constructor(plan: TagPlan, historyValues: number) {
    this.plan = plan;
    this.#times = new Float64Array(plan.wave === 'sequence' ? Math.max(1, historyValues) : 1);
  }

  get oldest(): number {
    return this.last === 0 ? 0 : Math.max(1, this.last - this.#times.length + 1);
  }

  issue(now: number): void {
    const previous = this.last === 0 ? 0 : this.timeOf(this.last);
    this.last += 1;
    this.#times[this.last % this.#times.length] = Math.max(now, previous + 1);
  }

  timeOf(reading: number): number {
    return this.#times[reading % this.#times.length] ?? 0;
  }

  reading(number: number): Reading {
    return {
      value: tagValue(this.plan, number),
      quality: qualityOf(this.plan, number),
      time: new Date(this.timeOf(number)),
    };
  }
}

/** The plant goes on whether its server does or not: it counts, and remembers the last readings of each sequence. */
export class Plant {
  readonly #tags = new Map<string, Tag>();
  readonly #removed = new Map<string, Tag>();
  readonly #historyValues: number;

  constructor(plans: readonly TagPlan[], historyValues: number) {
    this.#historyValues = historyValues;
    for (const plan of plans) this.#tags.set(plan.id, new Tag(plan, historyValues));
  }

  get plans(): TagPlan[] {
    return [...this.#tags.values()].map((tag) => tag.plan);
  }

  get size(): number {
    return this.#tags.size;
  }

  /** One more reading of each tag that changes. */
  issue(now: number, deliver: (id: string, reading: Reading) => void): void {
    for (const [id, tag] of this.#tags) {
      if (tag.plan.wave === 'static' && tag.last > 0) continue;
      tag.issue(now);
      deliver(id, tag.reading(tag.last));
    }
  }

  latest(id: string): Reading | undefined {
    const tag = this.#tags.get(id);
    return tag === undefined || tag.last === 0 ? undefined : tag.reading(tag.last);
  }

  /** The remembered readings with `from ≤ time ≤ to` (ms), oldest first; from the newest when `backwards`. */
  history(id: string, from: number, to: number, limit: number, backwards: boolean): Reading[] {
    const tag = this.#tags.get(id);
    const found: Reading[] = [];
    if (tag === undefined || tag.last === 0) return found;
    const [start, end, step] = backwards ? [tag.last, tag.oldest, -1] : [tag.oldest, tag.last, 1];
    for (let number = start; step * (end - number) >= 0 && found.length < limit; number += step) {
      const time = tag.timeOf(number);
      if (time >= from && time <= to) found.push(tag.reading(number));
    }
    return found;
  }

  /** A tag that was removed goes on where it had stopped; a new one has its first reading at once. */
  add(id: string, now: number): TagPlan {
    const tag = this.#tags.get(id) ?? this.#removed.get(id) ?? new Tag(addedTag(id), this.#historyValues);
    this.#removed.delete(id);
    this.#tags.set(id, tag);
    if (tag.last === 0) tag.issue(now);
    return tag.plan;
  }

  /** @returns whether there was one; its readings so far stay in `issued` */
  remove(id: string): boolean {
    const tag = this.#tags.get(id);
    if (tag === undefined) return false;
    this.#tags.delete(id);
    this.#removed.set(id, tag);
    return true;
  }

  issued(): IssuedTag[] {
    return [...this.#tags.values(), ...this.#removed.values()]
      .filter((tag) => tag.plan.wave === 'sequence')
      .map(({ plan, last, oldest }) => ({
        id: plan.id,
        first: Math.min(1, last),
        last,
        count: last,
        oldestInHistory: oldest,
      }));
  }
}
