import { expect, test } from 'vitest';
import { collectErrors, errorsPage } from './errors-page.ts';

const SOURCES = [
  `// code: 'MR-NOT-THIS'
   const where = \`in '\${a ? 'MR-X' : \`\${b}\`}'\`;
   throw new MillraceError({
     kind: isOurs ? 'bug' : 'transient',
     code: 'MR-KAFKA-ONE', message: \`no answer from \${host.replace(/['"]/g, '')}\`,
     remedy: 'Wait; if it stays, look.',
     cause,
   });
   if (error.code === 'MR-KAFKA-COMPARED') return;`,
  `const remedy = 'Name it.';
   report.error(path, 'MR-CONFIG-TWO', 'It has | no name.', remedy);
   rule('22001', 'data', 'MR-SINK-THREE', 'Widen it.', false);
   return { code: 'MR-ROW-FOUR', message: \`\${name}: no number\` };`,
  `const PASSES = 'Wait ' + 'a moment.';
   function one() { const message = 'of another function'; }
   function two(message) {
     const code = 'MR-KAFKA-SIX';
     throw new MillraceError({ kind: x === 'y' ? 'halt' : 'bug', code: x ? 'MR-KAFKA-ONE' : 'MR-KAFKA-FIVE', message, remedy: PASSES });
   }
   report.error(path, 'MR-CONFIG-TWO', 'Second message.', suggestion(name, ['none of it']));`,
];

test('codes with what is written about them, wherever that stands', () => {
  const entries = collectErrors(SOURCES).map(({ code, kinds, messages, remedies }) => [
    code,
    [...kinds],
    [...messages],
    [...remedies],
  ]);
  expect(entries).toEqual([
    ['MR-CONFIG-TWO', [], ['It has | no name.', 'Second message.'], ['Name it.']],
    ['MR-KAFKA-FIVE', ['halt', 'bug'], [], ['Wait a moment.']],
    [
      'MR-KAFKA-ONE',
      ['bug', 'transient', 'halt'],
      ['no answer from …'],
      ['Wait; if it stays, look.', 'Wait a moment.'],
    ],
    ['MR-KAFKA-SIX', [], [], []],
    ['MR-ROW-FOUR', [], ['…: no number'], []],
    ['MR-SINK-THREE', ['data'], [], ['Widen it.']],
  ]);
});

test('each code stands on the page once', () => {
  const page = errorsPage(collectErrors(SOURCES));
  expect(page.match(/^\| `MR-[A-Z-]+`/gm)).toHaveLength(6);
  expect(page).toContain('It has \\| no name.');
});
