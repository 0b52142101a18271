export { createEncoders, type Encoders } from './encoders.ts';
export { Lane } from './lane.ts';
export { type FileVersion, LoadAccount, type LoadOutcome, type TallyTexts } from './load-account.ts';
export {
  COMMIT_AFTER_MS,
  COMMIT_BYTES_MAX,
  COMMIT_ROWS_MAX,
  Publisher,
  type PublisherDeps,
} from './publisher.ts';
export { Turns } from './turns.ts';
