export { CEL_TYPES, COMPUTABLE_FROM, celEnvironment, checkCel, plainType } from './cel.ts';
export {
  kafkaSettingsOf,
  type RevealedKafkaSettings,
  type RevealedRegistrySettings,
  registrySettingsOf,
} from './connection-settings.ts';
export {
  type Environment,
  type LogLevel,
  loadEnvironment,
  type SaslMechanism,
} from './environment.ts';
export {
  type LoadedPipelines,
  loadPipelineFiles,
  loadPipelines,
  pipelineFilesOf,
} from './load-pipelines.ts';
export type {
  AggregateColumn,
  AggregateDef,
  CelSource,
  ComputedField,
  CsvFormat,
  DedupeDef,
  FilePattern,
  FilePipeline,
  FileSource,
  OutputDef,
  Pipeline,
  Place,
  PostgresTarget,
  RecordDef,
  RecordField,
  RetentionDef,
  RuleDef,
  SftpSettings,
  SinkColumn,
  SinkDef,
  TimeSeriesDef,
  TimescaleTarget,
  TransformDef,
} from './model.ts';
export type {
  BrowseDef,
  OpcuaGroup,
  OpcuaPipeline,
  OpcuaServer,
  OpcuaSource,
  SpoolSettings,
} from './opcua-model.ts';
export {
  cataloguedPipeline,
  isFilePipeline,
  isOpcuaPipeline,
  outputsOf,
  sinksOf,
  transformedFields,
} from './outputs.ts';
export { type ParsedPipeline, type ParseOptions, parsePipeline } from './parse-pipeline.ts';
export { compareProblems, formatProblem, type Problem } from './problem.ts';
export { Secret, secretsIn } from './secret.ts';
export { formatDuration, parseDuration, parseSize } from './units.ts';
export type { ReadText, Variables } from './variables.ts';
