import { describe, expect, it } from 'vitest';
import { groupId, ledgerName, topics, transactionalId } from './names.ts';

describe('a generation', () => {
  it('shares no topic, group, transactional id or account with the one before', () => {
    const names = (generation: number): string[] => {
      const id = { name: 'historian', generation };
      return [
        topics.raw(id),
        topics.state(id, 'ingest'),
        groupId('plant', 'transformer', id),
        transactionalId('plant', 'transformer', id, 0),
        ledgerName(id),
      ];
    };
    expect(names(1)).toEqual([
      'historian.raw',
      'historian.state.ingest',
      'millrace.plant.transformer.historian',
      'millrace.plant.transformer.historian.0',
      'historian',
    ]);
    expect(names(2).filter((name) => names(1).includes(name))).toEqual([]);
  });
});
