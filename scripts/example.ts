// npm run example -- <name> [--once] [--json]: one example with its own sample data.
import { exampleCommand } from './example/command.ts';

await exampleCommand(
  'usage: npm run example -- <name> [--once] [--json] [--state <folder>]',
  1,
  async (root, { names }) => {
    if (names[0] === 'opc-scraper') {
      const { opcScraper } = await import('./example/opc-scraper.ts');
      return opcScraper(root);
    }
    const { sampleData } = await import('./example/sample-data.ts');
    return sampleData(root, names[0] ?? '');
  },
);
