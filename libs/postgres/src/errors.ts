import { type ErrorKind, MillraceError } from '@millrace/core';
import pg from 'pg';

/** Raised by our own statements. */
export const SQLSTATE_FENCED = 'MR001';
export const SQLSTATE_PROBED = 'MR002';

interface Rule {
  /** A whole SQLSTATE, or its first two characters. */
  readonly state: string;
  readonly kind: ErrorKind;
  readonly code: string;
  readonly remedy: string;
  /** Whether the server's text is free of the row's values. */
  readonly quotable: boolean;
}

const rule = (state: string, kind: ErrorKind, code: string, remedy: string, quotable = true): Rule => ({
  state,
  kind,
  code,
  remedy,
  quotable,
});

const MEND_ROW = 'See the dead letter; mend the row or the table, then replay it.';
const PASSES = 'Nothing to do: it is tried again.';

/** What each error of the server means. The first match wins, whole states stand before their class. */
const RULES: readonly Rule[] = [
  rule(SQLSTATE_FENCED, 'fenced', 'MR-PG-FENCED', 'Nothing to do: another process has this partition now.'),

  rule('22001', 'data', 'MR-SINK-TOO-LONG', 'Widen the column with ALTER TABLE, then replay.'),
  rule('22003', 'data', 'MR-SINK-OUT-OF-RANGE', 'Widen the column with ALTER TABLE, then replay.', false),
  rule('22', 'data', 'MR-SINK-VALUE', MEND_ROW, false),
  rule('23502', 'data', 'MR-SINK-NULL', MEND_ROW, false),
  rule('23503', 'data', 'MR-SINK-FOREIGN-KEY', 'Load the row that it refers to, then replay it.', false),
  rule(
    '23505',
    'data',
    'MR-SINK-UNIQUE',
    'Another unique index than the merge key has this row already.',
    false,
  ),
  rule('23514', 'data', 'MR-SINK-CHECK', MEND_ROW, false),
  rule('23', 'data', 'MR-SINK-CONSTRAINT', MEND_ROW, false),
  rule('21', 'data', 'MR-SINK-SAME-KEY', 'Two keys became one in the type of the column.', false),
  rule('44', 'data', 'MR-SINK-CHECK-OPTION', MEND_ROW, false),
  rule('54000', 'data', 'MR-SINK-TOO-LARGE', 'A value is too large for an index or a row.', false),
  rule('P0001', 'data', 'MR-SINK-TRIGGER', 'A trigger or function of the table refused the row.', false),

  rule('40P01', 'transient', 'MR-PG-DEADLOCK', PASSES),
  rule('40', 'transient', 'MR-PG-ROLLED-BACK', PASSES),
  rule('55P03', 'transient', 'MR-PG-LOCKED', 'If it stays: see pg_locks for who holds the table.'),
  rule('57014', 'transient', 'MR-PG-TIMEOUT', 'If it stays: look for missing indexes, bloat or a slow disk.'),
  rule('57P', 'transient', 'MR-PG-SHUTDOWN', 'Nothing to do once the database is back.'),
  rule('08', 'transient', 'MR-PG-CONNECTION', 'Check that the database can be reached.'),
  rule('25P', 'transient', 'MR-PG-IDLE', PASSES),
  rule('25006', 'transient', 'MR-PG-READ-ONLY', 'Point the URL at the primary, not at a standby.'),

  rule('42501', 'systemic', 'MR-PG-PERMISSION', 'GRANT the named right to the role of the sink.'),
  rule('42P01', 'systemic', 'MR-PG-NO-TABLE', 'Create the table, or set createTable: true and restart.'),
  rule('42703', 'systemic', 'MR-PG-NO-COLUMN', 'Add the column; a restart lists every difference.'),
  rule('42', 'systemic', 'MR-PG-STATEMENT', 'The table no longer fits the pipeline; a restart lists why.'),
  rule('53100', 'systemic', 'MR-PG-DISK-FULL', 'Free disk space on the database server.'),
  rule('53300', 'systemic', 'MR-PG-CONNECTIONS', 'Raise max_connections or run fewer processes.'),
  rule('53', 'systemic', 'MR-PG-RESOURCES', 'The database server is short of memory or disk.'),
  rule('28', 'systemic', 'MR-PG-LOGIN', 'Check user, password and pg_hba.conf.'),
  rule('3D', 'systemic', 'MR-PG-NO-DATABASE', 'Create the database that the URL names.'),
  rule('3F', 'systemic', 'MR-PG-NO-SCHEMA', 'Create the schema, or GRANT CREATE on the database.'),
  rule('58', 'systemic', 'MR-PG-IO', "See the database server's log: it cannot read or write its files."),
];

const OTHER = rule('', 'systemic', 'MR-PG-ERROR', "See the database server's log.", false);

/** The rule for a SQLSTATE. */
function ruleFor(state: string): Rule {
  return RULES.find((one) => state.startsWith(one.state)) ?? OTHER;
}

/** The SQLSTATE classes that a probe takes for a bad row; everything else ends it. */
export const DATA_STATES = RULES.filter((one) => one.kind === 'data').map((one) => one.state);

/** The reject code of a data error, and what may be said of it without the row's values. */
export function reasonFor(
  state: string,
  details: { readonly message: string; readonly column: string; readonly constraint: string },
): { code: string; message: string } {
  const found = ruleFor(state);
  const where = [
    details.column && `column ${details.column}`,
    details.constraint && `constraint ${details.constraint}`,
  ];
  const what = found.quotable ? details.message : `refused by the database (SQLSTATE ${state})`;
  return { code: found.code, message: [what, ...where].filter(Boolean).join(', ') };
}

/**
 * Anything thrown by a connection, as a `MillraceError`. The server's own error is not kept as the cause: its
 * detail, context and sometimes its message hold the row.
 */
export function classify(thrown: unknown, doing: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  if (thrown instanceof pg.DatabaseError && thrown.code !== undefined) {
    const found = ruleFor(thrown.code);
    const { column = '', constraint = '', table = '' } = thrown;
    const reason = reasonFor(thrown.code, { message: thrown.message, column, constraint });
    const on = table === '' ? '' : ` on ${table}`;
    return new MillraceError({
      kind: found.kind,
      code: found.code,
      message: `${doing}${on}: ${reason.message}`,
      remedy: found.remedy,
    });
  }
  return classifyConnection(thrown, doing);
}

const TLS_CODE = /CERT|TLS|SSL|SIGNATURE|ISSUER/;

function classifyConnection(thrown: unknown, doing: string): MillraceError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (TLS_CODE.test(code) || /SSL connection/.test(message)) {
    return new MillraceError({
      kind: 'systemic',
      code: 'MR-PG-TLS',
      message: `${doing}: ${message}`,
      remedy:
        'Give the certificate authority with sslrootcert=<file>. An unencrypted server needs sslmode=disable in the URL.',
      cause: thrown,
    });
  }
  if (thrown instanceof TypeError || thrown instanceof RangeError || thrown instanceof ReferenceError) {
    return new MillraceError({ kind: 'bug', code: 'MR-BUG', message: `${doing}: ${message}`, cause: thrown });
  }
  return new MillraceError({
    kind: 'transient',
    code: 'MR-PG-CONNECTION',
    message: `${doing}: ${message}${code === '' || message.includes(code) ? '' : ` (${code})`}`,
    remedy: 'Check that the database can be reached.',
    cause: thrown,
  });
}
