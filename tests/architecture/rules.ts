/**
 * The rules of the tree (ARCHITECTURE.md, Layers) as functions of the sources' text. Each returns what breaks it, as
 * `path: what`. Pure, so that each has a fixture that must fail.
 */
export interface SourceFile {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export type Rule = (files: readonly SourceFile[]) => string[];

/** What each package may import of ours. `config` sits on `contracts`: lint needs their names and reserved words. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'libs/core': [],
  'libs/contracts': ['core'],
  'libs/config': ['core', 'contracts'],
  'libs/kafka': ['core', 'contracts', 'config'],
  'libs/sink-kit': ['core', 'contracts', 'config', 'kafka'],
  'libs/source-kit': ['core', 'contracts', 'config', 'kafka'],
  'libs/postgres': ['core', 'contracts', 'config', 'sink-kit'],
  'libs/service-kit': ['core', 'contracts', 'config', 'kafka', 'sink-kit'],
  'libs/testkit': ['core'],
  stack: [],
};
const ALL_LIBRARIES = [
  'core',
  'contracts',
  'config',
  'kafka',
  'sink-kit',
  'source-kit',
  'postgres',
  'service-kit',
];

const STATEMENT = /^\s*(?:import|export)\s(?:[\w\s{},*$]*?\sfrom\s)?\s*['"]([^'"\n]+)['"]/gm;
const CALL = /\b(?:import|require|require\.resolve)\(\s*['"]([^'"\n]+)['"]/g;

export function importsOf(text: string): string[] {
  return [...text.matchAll(STATEMENT), ...text.matchAll(CALL)].map((match) => match[1] ?? '');
}

/** `libs/x`, `services/x`, `cli` or `stack`; null for everything else. */
export function packageOf(path: string): string | null {
  return /^((?:libs|services)\/[^/]+|cli|stack)\//.exec(path)?.[1] ?? null;
}

function isTest(path: string): boolean {
  return /\.test\.ts$|\/test\/|^tests\//.test(path);
}

function forEachImport(
  files: readonly SourceFile[],
  check: (file: SourceFile, specifier: string) => string | null,
): string[] {
  return files.flatMap((file) =>
    importsOf(file.text).flatMap((specifier) => {
      const problem = check(file, specifier);
      return problem === null ? [] : [`${file.path}: ${problem}`];
    }),
  );
}

/** Libraries import only what lies below them; services and the CLI never import each other. */
export const layers: Rule = (files) =>
  forEachImport(files, (file, specifier) => {
    const own = packageOf(file.path);
    const imported = /^@millrace\/([^/]+)/.exec(specifier)?.[1];
    if (own === null || imported === undefined || isTest(file.path)) return null;
    const allowed = MAY_IMPORT[own] ?? ALL_LIBRARIES;
    return allowed.includes(imported) ? null : `${own} must not import @millrace/${imported}`;
  });

/** A package is entered through its index only. */
export const noDeepImports: Rule = (files) =>
  forEachImport(files, (file, specifier) => {
    if (/^@millrace\/[^/]+\/./.test(specifier)) return `reaches into ${specifier}`;
    const own = packageOf(file.path);
    if (own === null || !specifier.startsWith('.')) return null;
    const target = resolve(file.path, specifier);
    // A port's contract suite is written once and run by each adapter's tests.
    if (isTest(file.path) && isTest(target)) return null;
    return target.startsWith(`${own}/`) ? null : `leaves its package by ${specifier}`;
  });

/** One importer per heavy dependency: a replacement touches one folder. */
export const soleImporters: Rule = (files) =>
  forEachImport(files, (file, specifier) => {
    if (isTest(file.path)) return null;
    if (/^kafkajs\/src/.test(specifier) && file.path !== 'libs/kafka/src/internals.ts')
      return `only libs/kafka/src/internals.ts imports ${specifier}`;
    if (/^(kafkajs|@kafkajs\/)/.test(specifier) && !file.path.startsWith('libs/kafka/'))
      return `only libs/kafka imports ${specifier}`;
    if (
      /^pg(-|$)/.test(specifier) &&
      !/^(libs\/postgres|stack)\//.test(file.path) &&
      packageOf(file.path) !== null
    )
      return `only libs/postgres imports ${specifier}`;
    if (
      /^@nestjs\//.test(specifier) &&
      !file.path.startsWith('libs/service-kit/') &&
      !/^services\/[^/]+\/src\/(main|app\.module)\.ts$/.test(file.path)
    )
      return `Nest ends at app.module.ts (ADR 0006): ${specifier}`;
    return null;
  });

/** Learn one service, know them all. */
export const serviceAnatomy: Rule = (files) => {
  const paths = new Set(files.map((file) => file.path));
  const services = new Set(files.flatMap((file) => /^(services\/[^/]+)\//.exec(file.path)?.[1] ?? []));
  return [...services].flatMap((service) =>
    ['src/main.ts', 'src/app.module.ts', 'src/pipeline.ts', 'src/events.ts', 'README.md']
      .filter((part) => !paths.has(`${service}/${part}`))
      .map((part) => `${service}: ${part} is missing`),
  );
};

/** A file that grows past this has a second idea in it. */
export const fileSizes: Rule = (files) =>
  files.flatMap((file) => {
    if (!file.path.endsWith('.ts') || file.path.includes('/generated/')) return [];
    const lines = file.text.split('\n').length - 1;
    return lines > 400 ? [`${file.path}: ${lines} lines, the limit is 400`] : [];
  });

export const noWildcardExports: Rule = (files) =>
  files.flatMap((file) =>
    /^export (type )?\*/m.test(file.text) && file.path.endsWith('.ts')
      ? [`${file.path}: exports a wildcard`]
      : [],
  );

export const noVagueNames: Rule = (files) =>
  files.flatMap((file) =>
    /(^|\/)(common|shared|utils?|helpers?|misc)(\/|\.ts$)/.test(file.path)
      ? [`${file.path}: says nothing about what is in it`]
      : [],
  );

/** What is imported is declared, with its exact version. */
export const declaredDependencies: Rule = (files) => {
  const manifests = new Map<string, Record<string, string>>();
  const problems: string[] = [];
  for (const file of files) {
    const own = packageOf(file.path);
    if (own === null || file.path !== `${own}/package.json`) continue;
    const manifest = JSON.parse(file.text);
    const declared = {
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    };
    manifests.set(own, declared);
    for (const [name, range] of Object.entries(declared))
      if (!/^\d+\.\d+\.\d+/.test(String(range)))
        problems.push(`${file.path}: ${name} ${range} is not pinned`);
  }
  const missing = forEachImport(files, (file, specifier) => {
    const own = packageOf(file.path);
    if (own === null || isTest(file.path) || !file.path.endsWith('.ts')) return null;
    if (/^[.#]|^node:/.test(specifier)) return null;
    const name = /^(@[^/]+\/[^/]+|[^/]+)/.exec(specifier)?.[1] ?? specifier;
    return name in (manifests.get(own) ?? {}) ? null : `${name} is not in ${own}/package.json`;
  });
  return [...problems, ...missing];
};

/** No test is switched off, and none waits by the clock. */
export const honestTests: Rule = (files) =>
  files.flatMap((file) => {
    if (!file.path.endsWith('.test.ts') || file.path.startsWith('tests/architecture/')) return [];
    const problems: string[] = [];
    if (/\b(?:it|test|describe)\.(?:skip|todo|only)\(/.test(file.text)) problems.push('switches a test off');
    if (/\bsetTimeout\(|\bsleep\(\s*\d/.test(file.text)) problems.push('waits by the clock');
    return problems.map((problem) => `${file.path}: ${problem}`);
  });

/** Lock files name packages and digests, not where this machine got them. */
export const noDownloadAddresses: Rule = (files) =>
  files.flatMap((file) =>
    file.path.endsWith('package-lock.json') && /"resolved": "https?:/.test(file.text)
      ? [`${file.path}: carries download addresses`]
      : [],
  );

function resolve(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const step of specifier.split('/')) {
    if (step === '..') parts.pop();
    else if (step !== '.') parts.push(step);
  }
  return parts.join('/');
}
