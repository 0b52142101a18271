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

/** As the project's formatter writes JSON: lists of texts on one line. */
function jsonText(value: object): string {
  const text = JSON.stringify(value, null, 2);
  const lists = text.replace(/\[\s+("[^"\\]*"(?:,\s+"[^"\\]*")*)\s+\]/g, (_all, items: string) => {
    return `[${items.replace(/,\s+/g, ', ')}]`;
  });
  return `${lists}\n`;
}
