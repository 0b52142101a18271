import { z } from 'zod';

export const onTruncation = z
  .enum(['halt', 'gap'])
  .describe(
    'What to do when retention deleted records before they were read: `halt` waits for a person, `gap` records what is missing and goes on.',
  )
  .default('halt');
