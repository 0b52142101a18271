export {
  type Environment,
  type LogLevel,
  loadEnvironment,
  type SaslMechanism,
  type Variables,
} from './environment.ts';
export {
  type LoadedPipelines,
  loadPipelines,
  type ParsedPipeline,
  parsePipeline,
} from './load-pipelines.ts';
export type * from './model.ts';
export { cataloguedPipeline, outputsOf, sinksOf, transformedFields } from './outputs.ts';
export type { Problem } from './problem.ts';
export { Secret } from './secret.ts';
