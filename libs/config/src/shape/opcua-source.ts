import { z } from 'zod';
import { duration, integer, list, size, streamName, text } from './scalars.ts';
import { onTruncation } from './truncation.ts';

const DAY = 86_400_000;
const GIB = 1024 * 1024 * 1024;

export const SECURITY_POLICIES = [
  'Aes256_Sha256_RsaPss',
  'Aes128_Sha256_RsaOaep',
  'Basic256Sha256',
  'Basic256',
  'Basic128Rsa15',
] as const;

const security = z
  .strictObject({
    mode: z
      .enum(['SignAndEncrypt', 'Sign', 'insecure'])
      .describe('What is done with messages. `insecure`: nothing; only for tests and closed networks.')
      .default('SignAndEncrypt'),
    policy: z
      .enum(['best', ...SECURITY_POLICIES])
      .describe(
        '`best`: the strongest that the server offers of the first three. The last two are broken and have to be named.',
      )
      .default('best'),
  })
  .describe('How the connection is protected. A weaker endpoint than this is never taken.');

const server = z
  .strictObject({
    name: streamName('Name of the server in readings, loads and logs. It decides who collects from it.'),
    endpoint: z
      .string()
      .regex(
        /^opc\.tcp:\/\/[^\s/]+(\/\S*)?$/,
        'This is no endpoint.|Write it like opc.tcp://opc_server:4840.',
      )
      .describe('Address of the server.')
      .default('opc.tcp://opc_server:4840'),
    security: security.prefault({}),
    user: text('User to log in as, with `password`.').optional(),
    password: text('Password, from the environment.').optional(),
    passwordFile: text('File that holds the password.').optional(),
    certificateFile: text('PEM file of a user certificate to log in with, instead of `user`.').optional(),
    privateKeyFile: text('PEM file of its private key.').optional(),
    requestTimeout: duration('Longest wait for an answer.', 100, 600_000).prefault('15s'),
    staleAfter: duration(
      'A subscription that says nothing for this long is made again; then the session, then the connection.',
      1_000,
      DAY,
    ).prefault('30s'),
  })
  .describe('An OPC UA server.');

const pattern = text('Glob over paths of browse names: `Area1/**`, `**/Temp*`.');

const browse = z
  .strictObject({
    from: text(
      'Node to start at: `nsu=<namespace URI>;s=…`, or `i=85` for the Objects folder. `ns=2;s=…` works as well, until the server orders its namespaces anew.',
    ).default('i=85'),
    include: list(pattern, 'Variables to take, by their path below `from`.').default(['**']),
    exclude: list(pattern, 'Variables and folders to leave out, stronger than `include`.').default([]),
    depth: integer('Deepest level below `from`.', 1, 100).default(20),
    nodes: integer('Most variables; more are a mistake that is said aloud.', 1, 1_000_000).default(100_000),
    every: duration('How often it is looked for new variables.', 1_000, 30 * DAY).prefault('10m'),
  })
  .describe('Finds variables below a node, following hierarchical references.');

const group = z
  .strictObject({
    name: streamName('Name of the group in logs.'),
    servers: list(streamName('Server.'), 'Servers that have these tags. Default: all.').optional(),
    browse: browse.optional(),
    nodes: list(
      text('Node: `nsu=urn:plant;s=Site.Area.Temp`.'),
      'Nodes by name, beside or instead of `browse`.',
    ).default([]),
    sampling: duration('How often the server looks at the value.', 0, DAY).optional(),
    publishing: duration('How often it sends what it has found.', 10, DAY).optional(),
    queue: integer(
      'Values that the server keeps between two messages. Default: twice as many as it samples.',
      2,
      1_000_000,
    ).optional(),
    deadband: z
      .strictObject({
        absolute: z.number().positive().describe('In units of the value.').optional(),
        percent: z.number().positive().max(100).describe('Of its range.').optional(),
      })
      .describe('Changes up to this are not sent. One of the two.')
      .optional(),
    poll: duration('Read all of them this often, instead of subscribing.', 100, DAY).optional(),
  })
  .describe('Tags that are collected the same way. A node in several groups belongs to the first.');

const spool = z
  .strictObject({
    maxBytes: size('Most that unpublished readings may take on disk.', 1024 * 1024, 1024 * GIB).prefault(
      '1GiB',
    ),
    maxAge: duration('Older ones are dropped.', 60_000, 366 * DAY).prefault('7d'),
    overflow: z
      .enum(['dropOldest', 'dropNewest', 'block'])
      .describe(
        'What to do when it is full. Each loss is counted and written as a gap. `block` leaves it to the queues of the server.',
      )
      .default('dropOldest'),
    roll: duration('A load ends after this long.', 1_000, DAY).prefault('1h'),
  })
  .describe('Where readings are kept until Kafka has them.');

export const opcuaSource = z
  .strictObject({
    name: streamName("Name in load ids and logs. Default: the pipeline's name.").optional(),
    opcua: z
      .strictObject({
        servers: z
          .array(server)
          .min(1, 'There is no server.|Write at least one `- name: line1`.')
          .describe('The servers.'),
        groups: z
          .array(group)
          .min(1, 'There is no group.|Write at least one `- name: all` with `browse` or `nodes`.')
          .describe('Which tags, and how they are collected.'),
        spool: spool.prefault({}),
      })
      .describe('Live tags of OPC UA servers. The record is the reading: `record` may be left out.'),
    onTruncation,
  })
  .describe('Live tags.');
