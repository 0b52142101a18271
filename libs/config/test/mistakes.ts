// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of pipeline files are what is tested
import { expect, test } from 'vitest';
import { type ParsedPipeline, parsePipeline } from '../src/parse-pipeline.ts';
import type { Problem } from '../src/problem.ts';

export const HOST_KEY = `SHA256:${'a'.repeat(43)}`;
export const VARIABLES = {
  SFTP_HOST: 'plant',
  SFTP_PORT: '2222',
  SFTP_PASSWORD: '0012',
  DATABASE_URL: 'postgres://u:p@db/x',
};

/** A pipeline without a mistake. */
export const GOOD = `pipeline: historian
retention: 14d
source:
  sftp: { host: \${SFTP_HOST}, port: \${SFTP_PORT}, user: u, password: \${SFTP_PASSWORD}, hostKey: ${HOST_KEY} }
  poll: 2s
  archive: /archive
  files:
    - match: /exports/dach/*.csv
      csv: { delimiter: ";", encoding: windows-1252, timestamp: "dd.MM.yyyy HH:mm:ss.SSS", zone: Europe/Berlin }
    - match: /exports/*.csv
      csv: { maxRow: 64KiB }
record:
  key: [tag]
  fields:
    tag: { type: string, from: TagName }
    time: { type: timestamp }
    value: { type: float64, optional: false }
    note: { type: string, optional: true }
transform:
  rules:
    - reject: TOO-LARGE
      when: value > 1.0e9
    - filter: test-tags
      when: |
        tag.startsWith("TEST.")
        || tag == "x"
  compute:
    hour: { type: int32, cel: "time.getHours()" }
  dedupe: { key: [tag, time], window: 7d }
  outputs:
    clean: { key: [tag], fields: [tag, time, value], when: 'hour >= 0' }
sinks:
  tagdata:
    postgres: { url: "\${DATABASE_URL}" }
    from: clean
    table: TagData
    merge: { key: [Tag, Time], version: [] }
    columns:
      ID: identity
      Tag: tag
      Time: time
      Value: { field: value, sql: double precision }
      ImportDate: insertTime
    indexes: [[Time]]
`;

export function parse(
  text: string,
  variables: Record<string, string | undefined> = VARIABLES,
): ParsedPipeline {
  return parsePipeline(text, 'p.yaml', variables, () => {
    throw new Error('no such file');
  });
}

/** One edit of `GOOD` and the one problem that it makes. */
export interface Mistake {
  readonly edit: readonly [from: string, to: string];
  readonly code: string;
  /** The problem stands where this text starts in the edited file. */
  readonly at: string;
  readonly says: RegExp;
  readonly remedy: RegExp;
  readonly severity?: 'warning';
}

export function testMistakes(mistakes: Readonly<Record<string, Mistake>>, good: string = GOOD): void {
  test.each(Object.entries(mistakes))('%s', (_name, mistake) => {
    const text = good.replace(mistake.edit[0], () => mistake.edit[1]);
    expect(text).not.toBe(good);
    const { pipeline, problems } = parse(text);
    expect(problems.map(({ code }) => code)).toEqual([mistake.code]);
    const [problem] = problems as [Problem];
    expect(problem).toMatchObject({ ...placeOf(text, mistake.at), severity: mistake.severity ?? 'error' });
    expect(problem.message).toMatch(mistake.says);
    expect(problem.remedy).toMatch(mistake.remedy);
    expect(`${problem.message} ${problem.remedy}`).not.toContain('hunter2');
    expect(pipeline === null).toBe(mistake.severity !== 'warning');
  });
}

function placeOf(text: string, needle: string): { file: string; line: number; column: number } {
  const at = text.indexOf(needle);
  expect(at).toBeGreaterThanOrEqual(0);
  const before = text.slice(0, at).split('\n');
  return { file: 'p.yaml', line: before.length, column: (before.at(-1) ?? '').length + 1 };
}
