export { StackError } from './errors.ts';
export {
  DACH_FOLDER,
  deliver,
  type HistorianExports,
  type HistorianOptions,
  makeHistorianExports,
  writeHistorianExports,
} from './historian/exports.ts';
export {
  type BadKind,
  type BadRow,
  type CsvDialect,
  type FileSpec,
  type GoodRow,
  type HistorianFile,
  isRuledOut,
  makeFile,
} from './historian/file.ts';
export { type HistorianOracle, oracleOf } from './historian/oracle.ts';
export { changedVersion, type GrowingFile, startGrowing } from './historian/versions.ts';
export type { Broker, Kafka } from './kafka/cluster.ts';
export { connectOpcuaControl, type OpcuaControl, type OpcuaStatus } from './opcua/control.ts';
export type { OpcuaFault } from './opcua/faults.ts';
export type { IssuedTag } from './opcua/plant.ts';
export type { OpcuaOperationLimits } from './opcua/server.ts';
export type { OpcuaOptions, OpcuaSimulator } from './opcua/simulator.ts';
export { MISSING_TAG, PLANT_NAMESPACE_URI } from './opcua/tags.ts';
export type { Restartable } from './part.ts';
export type { Postgres } from './postgres/postgres.ts';
export { identify, isAlive, type ProcessIdentity, signal } from './process/identity.ts';
export { type ServerCommand, type ServerExit, type ServerProcess, startServer } from './process/server.ts';
export type { Registry } from './registry/registry.ts';
export { connectSftpControl, type SftpControl, type SftpFault } from './sftp/control.ts';
export type { SftpSimulator } from './sftp/simulator.ts';
export { ALL_PARTS, FILE_PARTS, type PartName, type Stack, type StackOptions, startStack } from './stack.ts';
export { ownerAlive, readState, reap, type StackState } from './state.ts';
