import { editorSchema } from './editor-schema.ts';
import { environmentPage } from './environment-page.ts';
import { pipelinePage } from './pipeline-page.ts';

/** Everything that `npm run gen` writes from this package's definitions. Paths start at the project's root. */
export function referenceFiles(): readonly { readonly path: string; readonly text: string }[] {
  return [
    { path: 'docs/reference/pipeline.schema.json', text: jsonText(editorSchema()) },
    { path: 'docs/reference/pipeline.md', text: pipelinePage() },
    { path: 'docs/reference/environment.md', text: environmentPage() },
  ];
}

const LINE_MAX = 110;

/** As the project's formatter writes JSON: lists of texts on one line, where the line holds them. */
function jsonText(value: object): string {
  const text = JSON.stringify(value, null, 2);
  const lists = text.replace(
    /\[\s+("[^"\\]*"(?:,\s+"[^"\\]*")*)\s+\](,?)/g,
    (all: string, items: string, comma: string, at: number) => {
      const line = `[${items.replace(/,\s+/g, ', ')}]${comma}`;
      const indent = at - text.lastIndexOf('\n', at) - 1;
      return indent + line.length <= LINE_MAX ? line : all;
    },
  );
  return `${lists}\n`;
}
