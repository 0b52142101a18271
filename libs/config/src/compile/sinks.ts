import { RESERVED_OUTPUTS } from '@millrace/contracts';
import type { OutputDef, SinkColumn, SinkDef } from '../model.ts';
import { hashOf } from '../pipeline-hash.ts';
import { Secret } from '../secret.ts';
import type { PipelineShape, SinkShape } from '../shape/pipeline.ts';
import type { Path } from '../source-text/yaml-file.ts';
import { suggestion } from '../suggest.ts';
import { type CompileContext, checkNames } from './context.ts';
import { compileSeries, compileTargetKind } from './timescale.ts';

export function compileSinks(
  ctx: CompileContext,
  shapes: PipelineShape['sinks'],
  outputs: readonly OutputDef[],
): readonly SinkDef[] {
  const sinks = Object.entries(shapes).flatMap(([name, shape]) => compileSink(ctx, name, shape, outputs));
  const unfinished = ctx.brokenSinks.size > 0 || sinks.length < Object.keys(shapes).length;
  for (const output of outputs) {
    if (unfinished || RESERVED_OUTPUTS.includes(output.name)) continue;
    if (sinks.some((sink) => sink.output === output.name)) continue;
    const remedy = "Add a sink with 'from: ' and its name, or remove the output.";
    ctx.report.at(
      ctx.report.file.keyPlace(['transform', 'outputs', output.name]),
      'warning',
      'MR-CONFIG-OUTPUT-UNUSED',
      `No sink takes the output '${output.name}'.`,
      remedy,
    );
  }
  return sinks;
}

function compileSink(
  ctx: CompileContext,
  name: string,
  shape: SinkShape,
  outputs: readonly OutputDef[],
): readonly SinkDef[] {
  const path: Path = ['sinks', name];
  const output = findOutput(ctx, path, shape, outputs);
  if (!output) return [];
  const { schema, table } = splitTable(ctx, path, shape.table);
  const columns = compileColumns(ctx, path, shape, output);
  const columnNames = [...columns.map((column) => column.name), ...Object.keys(shape.columns ?? {})];
  const write = compileWrite(ctx, path, shape, columns, output);
  checkIndexes(ctx, [...path, 'indexes'], shape.indexes, columnNames, write);
  const kind = compileTargetKind(ctx, path, shape);
  const text = shape[kind]?.url;
  if (text !== undefined) checkUrl(ctx, [...path, kind, 'url'], text);
  const url = new Secret(text ?? '');
  return [
    {
      name,
      target:
        kind === 'postgres'
          ? { kind, url }
          : { kind, url, series: compileSeries(ctx, path, shape, { columns, write, table }) },
      output: output.name,
      schema,
      table,
      write,
      columns,
      indexes: shape.indexes,
      createTable: shape.createTable,
      batchRecordsMax: shape.batch,
      badRows: shape.badRows,
      onTruncation: shape.onTruncation,
      layoutHash: hashOf({ name, output: output.name, schema, table, write }),
    },
  ];
}

function checkIndexes(
  ctx: CompileContext,
  path: Path,
  indexes: SinkShape['indexes'],
  columnNames: readonly string[],
  write: SinkDef['write'],
): void {
  indexes.forEach((index, position) => {
    checkNames(ctx, [...path, position], index, columnNames, 'column');
    if (write.mode !== 'merge' || index.join('\0') !== write.key.join('\0')) return;
    const message = `The merge key has a unique index already: (${index.join(', ')}) is not made a second time.`;
    ctx.report.warn([...path, position], 'MR-CONFIG-INDEX-TWICE', message, 'Remove this index.');
  });
}

function findOutput(
  ctx: CompileContext,
  path: Path,
  shape: SinkShape,
  outputs: readonly OutputDef[],
): OutputDef | undefined {
  const names = outputs.map((output) => output.name);
  if (shape.from === undefined) {
    if (outputs.length === 1) return outputs[0];
    const remedy = `Write 'from: ' and one of: ${names.join(', ')}.`;
    ctx.report.keyError(path, 'MR-CONFIG-MISSING', 'Nothing says which output this sink takes.', remedy);
    return undefined;
  }
  const found = outputs.find((output) => output.name === shape.from);
  if (found) return found;
  const message = `There is no output '${shape.from}'.`;
  ctx.report.error([...path, 'from'], 'MR-CONFIG-UNKNOWN-OUTPUT', message, suggestion(shape.from, names));
  return undefined;
}

function splitTable(ctx: CompileContext, path: Path, text: string): { schema: string; table: string } {
  const parts = text.split('.');
  const isName = (part: string | undefined): boolean =>
    part !== undefined && /^[^\s"'`;\0]{1,63}$/.test(part);
  if (parts.length > 2 || !parts.every(isName)) {
    const message = `'${text}' is no table.`;
    ctx.report.error(
      [...path, 'table'],
      'MR-CONFIG-VALUE',
      message,
      'Write TagData or plant.TagData, without quotes.',
    );
  }
  const [first = '', second] = parts;
  return second === undefined ? { schema: 'public', table: first } : { schema: first, table: second };
}

function compileColumns(
  ctx: CompileContext,
  path: Path,
  shape: SinkShape,
  output: OutputDef,
): readonly SinkColumn[] {
  const fieldNames = output.fields.map((field) => field.name);
  const given = shape.columns ?? Object.fromEntries(fieldNames.map((name) => [name, { field: name }]));
  const columns = Object.entries(given).flatMap(([name, column]): readonly SinkColumn[] => {
    const at = [...path, 'columns', name];
    checkColumnName(ctx, at, name);
    if (column === 'identity' || column === 'insertTime') return [{ kind: column, name }];
    const fieldName = typeof column === 'string' ? column : column.field;
    const field = output.fields.find((one) => one.name === fieldName);
    if (!field) {
      if (ctx.brokenOutputs.has(output.name)) return [];
      const place = typeof column === 'string' ? at : [...at, 'field'];
      const message = `The output '${output.name}' has no field '${fieldName}'.`;
      const remedy = suggestion(fieldName, [...fieldNames, 'identity', 'insertTime']);
      ctx.report.error(place, 'MR-CONFIG-UNKNOWN-FIELD', message, remedy);
      return [];
    }
    const sqlType = typeof column === 'string' ? null : (column.sql ?? null);
    return [{ kind: 'field', name, field: fieldName, type: field.type, optional: field.optional, sqlType }];
  });
  if (!columns.some((column) => column.kind === 'field') && Object.keys(given).length === 0) {
    ctx.report.keyError(
      [...path, 'columns'],
      'MR-CONFIG-MISSING',
      'The table has no columns.',
      'Write at least one.',
    );
  }
  return columns;
}

function checkColumnName(ctx: CompileContext, at: Path, name: string): void {
  if (name.toLowerCase().startsWith('millrace_')) {
    const message = `'${name}': columns that start with 'millrace_' are ours.`;
    ctx.report.keyError(at, 'MR-CONFIG-NAME', message, 'Choose another name.');
  } else if (!/^[^"'`;\0]{1,63}$/.test(name)) {
    const message = `'${name}' is no column name.`;
    ctx.report.keyError(at, 'MR-CONFIG-NAME', message, 'Write at most 63 characters, without quotes.');
  }
}

function compileWrite(
  ctx: CompileContext,
  path: Path,
  shape: SinkShape,
  columns: readonly SinkColumn[],
  output: OutputDef,
): SinkDef['write'] {
  const { merge } = shape;
  if ((merge === undefined) === (shape.append === undefined)) {
    const message = merge ? "'merge' and 'append' stand side by side." : 'Nothing says how rows are written.';
    const remedy = 'Write merge: { key: [Column], version: [] } or append: true.';
    ctx.report.keyError(path, 'MR-CONFIG-WRITE-MODE', message, remedy);
  }
  if (!merge) return { mode: 'append' };
  const at = [...path, 'merge'];
  if (merge.version === undefined) {
    const message = 'Nothing says which of two rows with the same key stays.';
    const remedy =
      'Write version: [Column, …], the higher wins; or version: [] to let file time, load and row decide.';
    ctx.report.keyError(at, 'MR-CONFIG-MERGE-VERSION', message, remedy);
  }
  const fieldColumns = columns.filter((column) => column.kind === 'field');
  // A column whose field is unknown has been reported: it is still a column.
  const broken = Object.keys(shape.columns ?? {}).filter((name) => !columns.some((one) => one.name === name));
  const names = [...fieldColumns.map((column) => column.name), ...broken];
  const known = checkNames(ctx, [...at, 'key'], merge.key, names, 'column') && broken.length === 0;
  checkNames(ctx, [...at, 'version'], merge.version ?? [], names, 'column');
  merge.key.forEach((name, index) => {
    if (!fieldColumns.some((column) => column.name === name && column.optional)) return;
    const message = `The key column '${name}' can be null, and null equals nothing.`;
    const remedy = "Remove 'optional' from its field, or take the column out of the key.";
    ctx.report.error([...at, 'key', index], 'MR-CONFIG-MERGE-KEY-OPTIONAL', message, remedy);
  });
  (merge.version ?? []).forEach((name, index) => {
    if (!fieldColumns.some((column) => column.name === name && column.optional)) return;
    const message = `The version column '${name}' can be null, which is lower than any value.`;
    const remedy =
      "Remove 'optional' from its field, unless a row without it shall never replace one with it.";
    ctx.report.warn([...at, 'version', index], 'MR-CONFIG-MERGE-VERSION-OPTIONAL', message, remedy);
  });
  if (known) checkOutputKey(ctx, [...at, 'key'], merge.key, fieldColumns, output);
  return { mode: 'merge', key: merge.key, version: merge.version ?? [] };
}

/** ADR 0004 case 3: else rows of one merge key lie in several partitions and their transactions block each other. */
function checkOutputKey(
  ctx: CompileContext,
  path: Path,
  mergeKey: readonly string[],
  columns: readonly (SinkColumn & { readonly kind: 'field' })[],
  output: OutputDef,
): void {
  const keyFields = columns.filter((column) => mergeKey.includes(column.name)).map((column) => column.field);
  const missing = output.key.filter((field) => !keyFields.includes(field));
  if (missing.length === 0) return;
  const message = `The key of the output '${output.name}' is not part of the merge key: ${missing.join(', ')} is missing.`;
  const remedy = `Add the column of ${missing.join(', ')} to the merge key, or give the output another key.`;
  ctx.report.error(path, 'MR-CONFIG-MERGE-KEY', message, remedy);
}

const LOOPBACK = /^(localhost|127\.[0-9.]+|\[::1\]|)$/;

/** Says nothing of the URL itself: it may hold a password. */
function checkUrl(ctx: CompileContext, path: Path, text: string): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    const remedy = 'Write postgres://user:password@host:5432/database.';
    ctx.report.error(path, 'MR-CONFIG-URL', 'This is no connection string of PostgreSQL.', remedy);
    return;
  }
  if (url.password !== '' && !ctx.fromVariable(path)) {
    const remedy = 'Write ${' + 'DATABASE_URL} and set that in the environment.';
    ctx.report.warn(path, 'MR-CONFIG-LITERAL-SECRET', 'A password is written into the file.', remedy);
  }
  const sslmode = url.searchParams.get('sslmode');
  const insecure =
    sslmode === 'disable' || sslmode === 'no-verify' || sslmode === 'allow' || sslmode === 'prefer';
  if (insecure && !LOOPBACK.test(url.hostname)) {
    const message = `'sslmode=${sslmode}' to another machine: the password and the data can be read or changed on the way.`;
    ctx.report.warn(path, 'MR-CONFIG-INSECURE-TLS', message, "Write 'sslmode=verify-full'.");
  }
}
