export type * from './model.ts';
export { Secret } from './secret.ts';
