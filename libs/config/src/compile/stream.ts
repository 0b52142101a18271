import { READING_FIELDS, READING_KEY, RESERVED_OUTPUTS } from '@millrace/contracts';
import type { FieldDef, FieldType } from '@millrace/core';
import { COMPUTABLE_FROM } from '../cel.ts';
import type { ComputedField, DedupeDef, OutputDef, RecordDef, RuleDef, TransformDef } from '../model.ts';
import { transformedFields } from '../outputs.ts';
import type { PipelineShape } from '../shape/pipeline.ts';
import type { Path } from '../source-text/yaml-file.ts';
import { type CompileContext, checkNames, compileCel } from './context.ts';

export function compileRecord(ctx: CompileContext, shape: PipelineShape['record']): RecordDef {
  const fields = Object.entries(shape.fields ?? {}).map(([name, field]) => ({
    name,
    type: fieldType(ctx, ['record', 'fields', name, 'type'], field.type),
    optional: field.optional,
    from: field.from ?? name,
  }));
  if (fields.length === 0) {
    const remedy = 'Write at least one: tagName: { type: string, from: TagName }.';
    ctx.report.keyError(['record', 'fields'], 'MR-CONFIG-MISSING', 'The record has no fields.', remedy);
  } else if (!shape.key) {
    const remedy = 'Write key: [tagName]: records with the same key stay in order.';
    ctx.report.keyError(['record', 'key'], 'MR-CONFIG-MISSING', 'The record has no key.', remedy);
  }
  const key = shape.key ?? [];
  checkRecordKey(ctx, key, fields);
  return { key, fields };
}

/** Readings have fixed fields (`READING_FIELDS`); only the key may be chosen. */
export function compileReadingRecord(ctx: CompileContext, shape: PipelineShape['record']): RecordDef {
  if (shape.fields) {
    const message = 'The fields of readings are fixed.';
    const remedy =
      "Remove 'fields'; add fields under transform.compute, choose them under transform.outputs.";
    ctx.report.keyError(['record', 'fields'], 'MR-CONFIG-READING-FIELDS', message, remedy);
  }
  const key = shape.key ?? READING_KEY;
  checkRecordKey(ctx, key, READING_FIELDS);
  return { key, fields: READING_FIELDS.map((field) => ({ ...field, from: field.name })) };
}

function checkRecordKey(ctx: CompileContext, key: readonly string[], fields: readonly FieldDef[]): void {
  const names = fields.map((field) => field.name);
  checkNames(ctx, ['record', 'key'], key, names, 'field');
}

export function compileTransform(
  ctx: CompileContext,
  shape: PipelineShape['transform'],
  record: RecordDef,
): TransformDef {
  const rules = shape.rules.map((rule, index) =>
    compileRule(ctx, ['transform', 'rules', index], rule, record),
  );
  checkRuleCodes(ctx, rules);
  const compute = compileComputed(ctx, shape.compute, record);
  const fields = transformedFields({ record, transform: { compute } });
  return {
    rules,
    compute,
    dedupe: compileDedupe(ctx, shape.dedupe, record, fields, compute),
    outputs: compileOutputs(ctx, shape.outputs, record, fields),
    onTruncation: shape.onTruncation,
  };
}

function fieldType(ctx: CompileContext, path: Path, text: string): FieldType {
  const decimal = /^decimal\((\d+),(\d+)\)$/.exec(text);
  if (!decimal) return { kind: text as Exclude<FieldType['kind'], 'decimal'> };
  const precision = Number(decimal[1]);
  const scale = Number(decimal[2]);
  if (precision > 38 || scale > precision) {
    const message = `'${text}' is not possible.`;
    const remedy = 'Precision is at most 38 digits, scale (those behind the point) at most the precision.';
    ctx.report.error(path, 'MR-CONFIG-VALUE', message, remedy);
  }
  return { kind: 'decimal', precision, scale };
}

type RuleShape = PipelineShape['transform']['rules'][number];

function compileRule(ctx: CompileContext, path: Path, rule: RuleShape, record: RecordDef): RuleDef {
  if ((rule.reject === undefined) === (rule.filter === undefined)) {
    const message = "A rule is either a 'reject' or a 'filter'.";
    const remedy = "Write '- reject: REASON-CODE' or '- filter: name'.";
    ctx.report.keyError(path, 'MR-CONFIG-RULE', message, remedy);
  }
  const code = rule.reject ?? rule.filter ?? '';
  return {
    action: rule.reject === undefined ? 'filter' : 'reject',
    when: compileCel(ctx, [...path, 'when'], rule.when, record.fields, ['bool'], 'A condition'),
    code,
    message: rule.message ?? `rule ${code} applies`,
  };
}

function checkRuleCodes(ctx: CompileContext, rules: readonly RuleDef[]): void {
  rules.forEach((rule, index) => {
    const first = rules.findIndex((other) => other.code === rule.code && other.action === rule.action);
    if (first === index) return;
    const path = ['transform', 'rules', index, rule.action];
    const message = `'${rule.code}' stands here a second time: counts and dead letters could not be told apart.`;
    ctx.report.error(path, 'MR-CONFIG-RULE', message, 'Give each rule a name of its own.');
  });
}

function compileComputed(
  ctx: CompileContext,
  shape: PipelineShape['transform']['compute'],
  record: RecordDef,
): readonly ComputedField[] {
  const seen = new Map<string, FieldDef>(record.fields.map((field) => [field.name, field]));
  return Object.entries(shape).map(([name, computed]) => {
    const path: Path = ['transform', 'compute', name];
    const type = fieldType(ctx, [...path, 'type'], computed.type);
    const accepts = [...COMPUTABLE_FROM[type.kind], ...(computed.optional ? ['null'] : [])];
    const what = `The expression of '${name}' (${computed.type})`;
    const cel = compileCel(ctx, [...path, 'cel'], computed.cel, [...seen.values()], accepts, what);
    const field = { name, type, optional: computed.optional };
    seen.set(name, field);
    return { ...field, cel };
  });
}

function compileDedupe(
  ctx: CompileContext,
  shape: PipelineShape['transform']['dedupe'],
  record: RecordDef,
  fields: readonly FieldDef[],
  compute: readonly ComputedField[],
): DedupeDef | null {
  if (!shape) return null;
  const path: Path = ['transform', 'dedupe', 'key'];
  const names = fields.map((field) => field.name);
  checkNames(ctx, path, shape.key, names, 'field');
  const missing = record.key.filter((name) => names.includes(name) && !shape.key.includes(name));
  if (missing.length > 0) {
    // ADR 0004 case 2: duplicates in different partitions would not meet.
    const message = `The record key is not part of the dedupe key: ${missing.join(', ')} is missing.`;
    const remedy = `Add ${missing.join(', ')} here, or key the record by fields that duplicates share.`;
    ctx.report.error(path, 'MR-CONFIG-DEDUPE-KEY', message, remedy);
  }
  for (const { name } of compute.filter((field) => record.key.includes(field.name))) {
    // ADR 0004 case 2 again: partitions go by the value that came, dedupe would go by the computed one.
    const message = `'${name}' is part of the record key: computed anew, its duplicates lie in different partitions and dedupe does not see them.`;
    const remedy = `Give the computed field another name, and take both into the dedupe key.`;
    ctx.report.keyError(['transform', 'compute', name], 'MR-CONFIG-DEDUPE-KEY', message, remedy);
  }
  return { key: shape.key, windowMs: shape.window };
}

function compileOutputs(
  ctx: CompileContext,
  shape: PipelineShape['transform']['outputs'],
  record: RecordDef,
  fields: readonly FieldDef[],
): readonly OutputDef[] {
  const names = fields.map((field) => field.name);
  const entries = Object.entries(shape ?? { clean: {} });
  if (entries.length === 0) {
    const remedy = "Remove 'outputs' for one output 'clean' with all fields, or name one.";
    ctx.report.keyError(['transform', 'outputs'], 'MR-CONFIG-MISSING', 'There is no output.', remedy);
  }
  return entries.map(([name, output]): OutputDef => {
    const path: Path = ['transform', 'outputs', name];
    if (RESERVED_OUTPUTS.includes(name)) {
      const message = `'${name}' is a topic of the pipeline itself.`;
      ctx.report.keyError(path, 'MR-CONFIG-RESERVED-OUTPUT', message, 'Choose another name.');
    }
    const key = output.key ?? record.key;
    const chosen = output.fields ?? names;
    if (output.key) checkNames(ctx, [...path, 'key'], key, names, 'field');
    if (output.fields && !checkNames(ctx, [...path, 'fields'], chosen, names, 'field')) {
      ctx.brokenOutputs.add(name);
    }
    if (key.length === 0 || chosen.length === 0) {
      const message = `'${name}' has no ${key.length === 0 ? 'key' : 'fields'}.`;
      ctx.report.keyError(path, 'MR-CONFIG-MISSING', message, 'Name at least one field.');
    }
    return {
      name,
      when:
        output.when === undefined
          ? null
          : compileCel(ctx, [...path, 'when'], output.when, fields, ['bool'], 'A condition'),
      key,
      fields: chosen.flatMap((fieldName) => fields.filter((field) => field.name === fieldName)),
    };
  });
}
