// npm run demo [-- --once] [--json]: the historian example with everything that makes its data hard.
import { exampleCommand } from './example/command.ts';

await exampleCommand(
  'usage: npm run demo [-- --once] [--json] [--seed <n>] [--state <folder>]',
  0,
  async (root, { seed }) => {
    const { historianDemo } = await import('./example/historian-demo.ts');
    return historianDemo(root, seed);
  },
);
