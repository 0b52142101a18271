import { expect, test } from 'vitest';
import { Plant, type Reading } from './plant.ts';
import { planTags, qualityOf, tagValue } from './tags.ts';

const TEN_THOUSAND = planTags(10_000);

test('plans as many tags as asked for, each id once, half of them sequences, all in nested folders', () => {
  expect(new Set(TEN_THOUSAND.map(({ id }) => id)).size).toBe(10_000);
  expect(TEN_THOUSAND.filter(({ wave }) => wave === 'sequence')).toHaveLength(5_000);
  expect(TEN_THOUSAND.every(({ id }) => /^Plant\/Area-\d+\/Line-[1-4]\/Unit-[1-5]\/[^/]+$/.test(id))).toBe(
    true,
  );
  const folders = new Map<string, number>();
  for (const { id } of TEN_THOUSAND) {
    const folder = id.slice(0, id.lastIndexOf('/'));
    folders.set(folder, (folders.get(folder) ?? 0) + 1);
  }
  expect(new Set(folders.values())).toEqual(new Set([10]));
});

test('a sequence is its number in each of its types, also beyond 32 bits', () => {
  for (const plan of planTags(20).filter(({ wave }) => wave === 'sequence')) {
    const value = tagValue(plan, 2 ** 33 + 7);
    expect(value).toEqual(plan.type.endsWith('Int64') ? [2, 7] : 2 ** 33 + 7);
  }
});

test('values that are objects are fresh ones, and quality is every nth', () => {
  for (const plan of planTags(80)) {
    const [one, other] = [tagValue(plan, 5), tagValue(plan, 5)];
    expect(one).toEqual(other);
    if (typeof one === 'object') expect(one).not.toBe(other);
  }
  const uncertain = planTags(20).find(({ quality }) => quality?.is === 'uncertain');
  if (uncertain === undefined) throw new Error('none is uncertain');
  expect([1, 2, 3, 4, 5, 6].map((n) => qualityOf(uncertain, n) === 'good')).toEqual([
    true,
    true,
    false,
    true,
    true,
    false,
  ]);
});

test('history keeps the last readings in time order, also when the clock stands still or goes back', () => {
  const plant = new Plant(planTags(1), 5);
  const [id = ''] = plant.plans.map((plan) => plan.id);
  const delivered: Reading[] = [];
  for (const now of [1_000, 1_000, 900, 2_000, 2_000, 2_000, 1_500])
    plant.issue(now, (_id, reading) => delivered.push(reading));
  const times = delivered.map(({ time }) => time.getTime());
  expect(times).toEqual([1_000, 1_001, 1_002, 2_000, 2_001, 2_002, 2_003]);
  const numbers = (from: number, to: number, limit = 99, backwards = false) =>
    plant.history(id, from, to, limit, backwards).map(({ value }) => value);
  expect(numbers(0, 9_999)).toEqual([3, 4, 5, 6, 7]);
  expect(numbers(2_000, 2_002)).toEqual([4, 5, 6]);
  expect(numbers(0, 9_999, 2)).toEqual([3, 4]);
  expect(numbers(0, 2_001, 2, true)).toEqual([5, 4]);
  expect(plant.issued()).toEqual([{ id, first: 1, last: 7, count: 7, oldestInHistory: 3 }]);
});

test('a removed tag issues nothing, stays accounted for, and goes on where it stopped', () => {
  const plant = new Plant(planTags(2), 5);
  const [id = '', other = ''] = plant.plans.map((plan) => plan.id);
  for (const now of [-1, 0, 1]) plant.issue(now, () => undefined);
  expect(plant.remove(id)).toBe(true);
  expect(plant.remove(id)).toBe(false);
  plant.issue(2, (issued) => expect(issued).toBe(other));
  expect(plant.history(id, 0, 9, 9, false)).toEqual([]);
  expect(plant.issued().find((tag) => tag.id === id)).toMatchObject({ last: 3, count: 3 });
  plant.add(id, 3);
  plant.issue(4, () => undefined);
  expect(plant.latest(id)?.value).toBe(4);
  plant.add('Plant/new', 5);
  expect(plant.latest('Plant/new')).toEqual({ value: 1, quality: 'good', time: new Date(5) });
});
