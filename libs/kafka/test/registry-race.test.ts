import { systemClock } from '@millrace/core';
import { expect, inject, test } from 'vitest';
import { createSchemaRegistry } from '../src/index.ts';

test('processes that register the same new schema at once all get its id', async () => {
  const { SCHEMA_REGISTRY_URL: url = '' } = inject('stack');
  for (let round = 0; round < 3; round += 1) {
    const topic = `race-${process.pid}-${performance.now()}`;
    const schema = { type: 'record' as const, name: 'Raced', fields: [{ name: 'n', type: 'int' }] };
    const processes = Array.from({ length: 6 }, () => createSchemaRegistry({ url }, { clock: systemClock }));
    const ids = await Promise.all(processes.map((registry) => registry.register(topic, schema)));
    expect(new Set(ids).size).toBe(1);
  }
});
