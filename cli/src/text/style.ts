import type { LoadState } from '@millrace/contracts';

export type Paint = (text: string) => string;

/** Colours, or none of them where nobody would see them. */
export interface Style {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly dim: Paint;
  readonly bold: Paint;
}

const plain: Paint = (text) => text;

export const NO_STYLE: Style = { good: plain, bad: plain, warn: plain, dim: plain, bold: plain };

function sgr(on: number, off: number): Paint {
  return (text) => (text === '' ? text : `\u001b[${on}m${text}\u001b[${off}m`);
}

const COLOURS: Style = {
  good: sgr(32, 39),
  bad: sgr(31, 39),
  warn: sgr(33, 39),
  dim: sgr(2, 22),
  bold: sgr(1, 22),
};

/** Colours only on a terminal and without `NO_COLOR` (no-color.org: any value that is not empty). */
export function styleFor(isTerminal: boolean, noColor: string | undefined): Style {
  return isTerminal && !noColor ? COLOURS : NO_STYLE;
}

/** How a load's state looks. */
export function paintState(style: Style, state: LoadState): Paint {
  switch (state) {
    case 'balanced':
      return style.good;
    case 'balancedWithRejects':
    case 'open':
      return style.warn;
    case 'abandoned':
      return style.dim;
    case 'unbalanced':
      return style.bad;
  }
}
