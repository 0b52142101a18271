export { connectKafka } from './client.ts';
export { type AvscTypeOptions, createSchemaRegistry, type RegistryDeps } from './registry/schema-registry.ts';
export { createWireDecoder, createWireEncoder } from './registry/wire.ts';
export type {
  AvroSchema,
  RegistrySettings,
  SchemaRegistry,
  WireDecoder,
  WireEncoder,
} from './registry-types.ts';
export type {
  FetchedBatch,
  FetchedRecord,
  FetchOptions,
  HeaderValue,
  KafkaClient,
  KafkaDeps,
  KafkaEvent,
  KafkaSettings,
  Outbox,
  PartitionHost,
  PartitionHostOptions,
  PartitionOffsets,
  PartitionRunner,
  PartitionStatus,
  ProduceAck,
  TopicSpec,
  TransactionalProducer,
} from './types.ts';
