import { z } from 'zod';
import { anyText, duration, flag, integer, list, size, streamName, text } from './scalars.ts';
import { onTruncation } from './truncation.ts';

const DAY = 86_400_000;

const sftp = z
  .strictObject({
    host: text('Name or address of the server.'),
    port: integer('Port of the server.', 1, 65_535).default(22),
    user: text('User to log in as.'),
    password: text('Password, from the environment. One of the four below says how to log in.').optional(),
    passwordFile: text('File that holds the password.').optional(),
    privateKey: text('Private key in PEM or OpenSSH format, from the environment.').optional(),
    privateKeyFile: text('File that holds the private key.').optional(),
    passphrase: text('Passphrase of the private key, from the environment.').optional(),
    hostKey: z
      .union([
        text('Fingerprint of the server.'),
        list(text('Fingerprint.'), 'Several, while a server changes its key.'),
      ])
      .describe(
        "The server's fingerprint, `SHA256:…` as `ssh-keygen -lf` prints it; a list while the server changes its key.",
      )
      .optional(),
    insecureAcceptAnyHostKey: flag(
      'Talk to any server that answers. Only for tests: nothing then protects the password and the data.',
    ).default(false),
    connections: integer('Connections to this server from one process.', 1, 32).default(4),
    connectTimeout: duration('Longest wait for a connection.', 100, 600_000).prefault('15s'),
    idleTimeout: duration(
      'A transfer that moves no byte for this long is given up and tried again.',
      1_000,
      3_600_000,
    ).prefault('30s'),
  })
  .describe('The SFTP server.');

const csv = z
  .strictObject({
    delimiter: anyText('Between columns: one character, or `\\t` written as "\\t" in double quotes.').default(
      ',',
    ),
    quote: anyText('Around values that hold the delimiter; empty for files without quoting.').default('"'),
    header: flag('Whether the first line names the columns.').default(true),
    columns: list(text('Column.'), 'Names of the columns, in order, for files without a header.').default([]),
    encoding: z
      .enum(['utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'iso-8859-1'])
      .describe('Encoding of the file.')
      .default('utf-8'),
    skipLines: integer('Lines to drop before the header.', 0, 10_000).default(0),
    decimal: z.enum(['.', ',']).describe('Decimal separator of number columns.').default('.'),
    thousands: anyText('Thousands separator, removed from number columns; empty for none.').default(''),
    timestamp: text(
      'Format of timestamp columns: Luxon tokens like `dd.MM.yyyy HH:mm:ss.SSS`, or `iso`, `epoch-seconds`, `epoch-millis`, `epoch-micros`.',
    ).default('iso'),
    date: text('Format of date columns: Luxon tokens or `iso`.').default('iso'),
    zone: text('IANA time zone of timestamps that carry none, like `Europe/Berlin`.').default('UTC'),
    nulls: list(anyText('Text.'), 'Texts that mean null, in every column.').default(['']),
    maxRow: size('Longest row; a longer one is rejected.', 64, 64 * 1024 * 1024).prefault('1MiB'),
    extraColumns: z
      .enum(['ignore', 'reject'])
      .describe('What to do with columns of the file that the record does not name.')
      .default('ignore'),
  })
  .describe('How the files are written.');

const pattern = z
  .strictObject({
    match: text('Absolute glob of remote paths: `/exports/*.csv`, `/exports/**/*.csv`.'),
    csv: csv.prefault({}),
  })
  .describe('Files and their format.');

export const fileSource = z
  .strictObject({
    name: streamName("Name in load ids and logs. Default: the pipeline's name.").optional(),
    sftp,
    poll: duration('How often the folders are listed.', 100, DAY).prefault('10s'),
    stableFor: duration(
      'Size and time of a file must not have changed for this long before it is taken.',
      0,
      DAY,
    ).prefault('5s'),
    archive: text(
      'Folder that published files are moved to. Without it they stay where they are.',
    ).optional(),
    spool: flag('Download and hash a file first, for servers that rewrite files in place.').default(false),
    onTruncation,
    files: z
      .array(pattern)
      .min(1, 'There is no pattern.|Write at least one `- match: /folder/*.csv`.')
      .describe('Which files, and how they are written. The first match wins.'),
  })
  .describe('Files on an SFTP server.');
