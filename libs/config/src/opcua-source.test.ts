// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of pipeline files are what is tested
import { expect, test } from 'vitest';
import { parsePipeline } from './parse-pipeline.ts';

const GOOD = `pipeline: scraper
source:
  opcua:
    servers:
      - name: line1
        endpoint: \${OPCUA_ENDPOINT}
        user: \${OPCUA_USER}
        password: \${OPCUA_PASSWORD}
      - name: line2
        security: { mode: insecure }
    groups:
      - name: fast
        browse: { from: "nsu=urn:plant;s=Site", include: ["**"], exclude: ["**/Diagnostics/**"] }
        sampling: 100ms
        publishing: 500ms
        deadband: { absolute: 0.1 }
      - name: slow
        servers: [line1]
        nodes: ["nsu=urn:plant;s=Site.Area.Temp"]
        poll: 10s
    spool: { maxBytes: 1GiB, maxAge: 7d, overflow: dropOldest }
transform:
  rules:
    - reject: BAD-QUALITY
      when: quality == "bad" && value != null && value > 1.0
  outputs:
    clean: { key: [tag], fields: [tag, time, value, valueLong, quality] }
sinks:
  readings:
    postgres: { url: "\${DATABASE_URL}" }
    table: readings
    merge: { key: [tag, time], version: [] }
`;
const VARIABLES = {
  OPCUA_ENDPOINT: 'opc.tcp://plant:4840',
  OPCUA_USER: 'u',
  OPCUA_PASSWORD: 'secret',
  DATABASE_URL: 'postgres://db/x',
};

function parse(text: string) {
  return parsePipeline(text, 'p.yaml', VARIABLES);
}

/** Code and line of each problem. */
function problems(text: string): string[] {
  return parse(text).problems.map(({ code, line }) => `${code} ${line}`);
}

test('live tags compile, with defaults; the record is the reading; only the insecure server is told', () => {
  expect(problems(GOOD)).toEqual(['MR-CONFIG-INSECURE-OPCUA 10']);
  const { pipeline } = parse(GOOD);
  expect(pipeline?.record.key).toEqual(['tag']);
  expect(pipeline?.source).toMatchObject({
    kind: 'opcua',
    name: 'scraper',
    servers: [
      {
        endpoint: 'opc.tcp://plant:4840',
        security: { mode: 'SignAndEncrypt', policy: 'best' },
        auth: { kind: 'password', user: 'u' },
      },
      { endpoint: 'opc.tcp://opc_server:4840', security: { mode: 'None', policy: 'None' } },
    ],
    groups: [
      {
        servers: ['line1', 'line2'],
        browse: { from: 'nsu=urn:plant;s=Site', depthMax: 20 },
        read: {
          kind: 'subscribe',
          samplingMs: 100,
          publishingMs: 500,
          queueSize: 10,
          deadband: { kind: 'absolute', value: 0.1 },
        },
      },
      { servers: ['line1'], browse: null, read: { kind: 'poll', everyMs: 10_000 } },
    ],
    spool: { bytesMax: 1024 ** 3, ageMaxMs: 7 * 86_400_000, overflow: 'dropOldest', rollMs: 3_600_000 },
  });
  expect(JSON.stringify(pipeline)).not.toContain('secret"}');
});

test.each([
  [
    'a queue that overflows',
    'publishing: 500ms',
    'publishing: 500ms\n        queue: 5',
    'MR-CONFIG-VALUE 16',
  ],
  ['both ways of reading', 'poll: 10s', 'poll: 10s\n        sampling: 1s', 'MR-CONFIG-VALUE 21'],
  ['no such server', 'servers: [line1]', 'servers: [line9]', 'MR-CONFIG-VALUE 18'],
  ['no node id', 'nsu=urn:plant;s=Site.Area.Temp', 'Site.Area.Temp', 'MR-CONFIG-NODE 19'],
  ['mode None', 'mode: insecure', 'mode: None', 'MR-CONFIG-VALUE 10'],
  ['a misspelt key', 'sampling: 100ms', 'samplng: 100ms', 'MR-CONFIG-UNKNOWN-KEY 14'],
  ['a file key', 'source:\n', 'source:\n  poll: 1s\n', 'MR-CONFIG-UNKNOWN-KEY 3'],
  ['no such field', 'value > 1.0', 'wert > 1.0', 'MR-CONFIG-UNKNOWN-FIELD 25'],
  [
    'own fields',
    'transform:',
    'record: { fields: { a: { type: string } } }\ntransform:',
    'READING-FIELDS 22',
  ],
  ['half a login', '        user: ${OPCUA_USER}\n', '', 'MR-CONFIG-LOGIN'],
])('%s is a mistake with its place', (_name, from, to, expected) => {
  const text = GOOD.replace(from, to);
  expect(text).not.toBe(GOOD);
  const found = problems(text).filter((one) => !one.startsWith('MR-CONFIG-INSECURE'));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(expected);
});
