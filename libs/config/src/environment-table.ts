/** How a variable's text is read. */
export type VariableKind = 'text' | 'list' | 'url' | 'port' | 'flag' | 'choice' | 'size' | 'pem-file';

export interface VariableDef {
  readonly name: string;
  readonly kind: VariableKind;
  readonly about: string;
  readonly default?: string;
  readonly required?: boolean;
  /** Never shown; may also be given as `<NAME>_FILE`, the path of a file that holds it. */
  readonly secret?: boolean;
  readonly choices?: readonly string[];
  readonly pattern?: RegExp;
  readonly example?: string;
}

/** Every variable of the environment: parsing, checks and the reference come from these rows. */
export const VARIABLES = [
  {
    name: 'MILLRACE_INSTANCE',
    kind: 'text',
    default: 'default',
    pattern: /^[a-z][a-z0-9-]{0,40}$/,
    about: 'Separates installations that share a cluster: part of consumer groups and transactional ids.',
  },
  {
    name: 'MILLRACE_PIPELINES',
    kind: 'text',
    default: 'pipelines',
    about: 'Folder of the pipeline files. All services read the same.',
  },
  {
    name: 'MILLRACE_WORK',
    kind: 'text',
    default: '',
    about: 'Scratch folder for spooled downloads. Default: `millrace` in the temp folder of the system.',
  },
  {
    name: 'MILLRACE_MEMORY',
    kind: 'size',
    default: '128MiB',
    about:
      'Bound on the records that one process holds in memory at once, over all its pipelines; at most a quarter of its heap.',
  },
  {
    name: 'KAFKA_BROKERS',
    kind: 'list',
    required: true,
    pattern: /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/,
    example: 'kafka-1:9092,kafka-2:9092',
    about: 'Brokers to ask first, `host:port`, separated by commas.',
  },
  {
    name: 'KAFKA_CLIENT_ID',
    kind: 'text',
    default: 'millrace',
    about: "Name of this client in the brokers' logs and quotas.",
  },
  {
    name: 'KAFKA_TLS',
    kind: 'flag',
    about:
      'Connect with TLS; the certificate is always verified. Default: true when a `KAFKA_TLS_…` file is named.',
  },
  {
    name: 'KAFKA_TLS_CA_FILE',
    kind: 'pem-file',
    about: "Certificates to trust, PEM. Default: the system's roots.",
  },
  { name: 'KAFKA_TLS_CERT_FILE', kind: 'pem-file', about: "The client's certificate, PEM, for mutual TLS." },
  { name: 'KAFKA_TLS_KEY_FILE', kind: 'pem-file', about: "The client's private key, PEM, for mutual TLS." },
  {
    name: 'KAFKA_SASL_MECHANISM',
    kind: 'choice',
    choices: ['plain', 'scram-sha-256', 'scram-sha-512'],
    about: 'How to log in. Needs username and password.',
  },
  { name: 'KAFKA_SASL_USERNAME', kind: 'text', about: 'User for SASL.' },
  { name: 'KAFKA_SASL_PASSWORD', kind: 'text', secret: true, about: 'Password for SASL.' },
  {
    name: 'SCHEMA_REGISTRY_URL',
    kind: 'url',
    required: true,
    example: 'http://registry:8080/apis/ccompat/v7',
    about: 'Schema registry with the Confluent API.',
  },
  { name: 'SCHEMA_REGISTRY_USERNAME', kind: 'text', about: 'User for the registry.' },
  { name: 'SCHEMA_REGISTRY_PASSWORD', kind: 'text', secret: true, about: 'Password for the registry.' },
  {
    name: 'HTTP_HOST',
    kind: 'text',
    default: '0.0.0.0',
    about:
      'Address that `/livez`, `/readyz` and `/metrics` listen on. The default is for containers: all interfaces.',
  },
  {
    name: 'HTTP_PORT',
    kind: 'port',
    default: '8080',
    about: 'Port of the same; 0 takes a free one, which is logged.',
  },
  {
    name: 'LOG_LEVEL',
    kind: 'choice',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'info',
    about: 'Least level that is logged.',
  },
] as const satisfies readonly VariableDef[];

export type VariableName = (typeof VARIABLES)[number]['name'];
