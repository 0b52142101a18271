#!/usr/bin/env node
// Checked before anything is imported: an older Node would fail on the first import that it does not know.
const NODE_MIN = 24;

if (Number(process.versions.node.split('.')[0]) < NODE_MIN) {
  process.stderr.write(
    `millrace needs Node ${NODE_MIN} or later, this is ${process.version}.\n` +
      '  `npx millrace …` in the project brings its own.\n',
  );
  process.exitCode = 1;
} else {
  await import('../dist/main.js');
}
