// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of pipeline files are what is tested
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Report } from '../report.ts';
import { fillIn } from './fill-in.ts';
import { hidePlaceholders, showPlaceholders } from './placeholders.ts';
import { parseYamlFile, type YamlFile } from './yaml-file.ts';

test('hiding keeps the length, and showing gives back what was written', () => {
  const piece = fc.oneof(
    fc.constantFrom('${A}', '$${A}', '${A:-b}', '${', '}', '$', '{ x: 1 }'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join('');
      const hidden = hidePlaceholders(text);
      expect(hidden).toHaveLength(text.length);
      expect(showPlaceholders(hidden)).toBe(text);
    }),
  );
});

test('a value can be any text: it never changes the structure', () => {
  const file = parsed('a: { b: ${V}, c: "x ${V} y" }');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), (value) => {
      expect(fill(file, { V: value })).toEqual({ a: { b: value, c: `x ${value} y` } });
    }),
  );
});

test('the text itself, defaults, and texts in texts', () => {
  expect(fill(parsed('a: [$${V}, "${N:-d}", ${V}${V}, "${N:-}"]'), { V: '1' })).toEqual({
    a: ['${V}', 'd', '11', ''],
  });
});

function parsed(text: string): YamlFile {
  const problems: unknown[] = [];
  const file = parseYamlFile(text, 'f', (problem) => problems.push(problem));
  if (!file) throw new Error(JSON.stringify(problems));
  return file;
}

function fill(file: YamlFile, variables: Record<string, string>): unknown {
  const report = new Report(file, []);
  const lookUp = (name: string) => {
    const value = variables[name];
    return value === undefined ? ({ found: 'nothing' } as const) : ({ found: 'value', text: value } as const);
  };
  const { value } = fillIn(file.value, report, lookUp, []);
  expect(report.failed).toBe(false);
  return value;
}
