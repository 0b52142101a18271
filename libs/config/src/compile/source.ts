import picomatch from 'picomatch';
import type { CsvFormat, FilePattern, FileSource, SftpSettings } from '../model.ts';
import { Secret } from '../secret.ts';
import type { FileSourceShape } from '../shape/pipeline.ts';
import type { Path } from '../source-text/yaml-file.ts';
import type { CompileContext } from './context.ts';
import { formatMistake, isZone, zoneRemedy } from './formats.ts';

export function compileFileSource(
  ctx: CompileContext,
  shape: FileSourceShape,
  pipelineName: string,
): FileSource {
  const files = shape.files.map((file, index): FilePattern => {
    const path: Path = ['source', 'files', index];
    checkGlob(ctx, [...path, 'match'], file.match);
    return {
      match: file.match,
      folder: literalFolder(file.match),
      csv: compileCsv(ctx, [...path, 'csv'], file.csv),
    };
  });
  const archive = shape.archive ?? null;
  if (archive !== null) checkArchive(ctx, archive, files);
  return {
    kind: 'files',
    name: shape.name ?? pipelineName,
    sftp: compileSftp(ctx, shape.sftp),
    files,
    pollMs: shape.poll,
    stableForMs: shape.stableFor,
    archive: archive === null ? null : archive.replace(/(?<=.)\/+$/, ''),
    spool: shape.spool,
    onTruncation: shape.onTruncation,
  };
}

type SftpShape = FileSourceShape['sftp'];
const SFTP: Path = ['source', 'sftp'];

function compileSftp(ctx: CompileContext, shape: SftpShape): SftpSettings {
  return {
    host: shape.host,
    port: shape.port,
    user: shape.user,
    auth: compileAuth(ctx, shape),
    hostKeys: compileHostKeys(ctx, shape),
    connections: shape.connections,
    connectTimeoutMs: shape.connectTimeout,
    idleTimeoutMs: shape.idleTimeout,
  };
}

const LOGINS = ['password', 'passwordFile', 'privateKey', 'privateKeyFile'] as const;

function compileAuth(ctx: CompileContext, shape: SftpShape): SftpSettings['auth'] {
  const given = LOGINS.filter((name) => shape[name] !== undefined);
  if (given.length !== 1) {
    const message =
      given.length === 0 ? 'Nothing says how to log in.' : `${given.join(' and ')} stand side by side.`;
    ctx.report.keyError(SFTP, 'MR-CONFIG-LOGIN', message, `Write one of ${LOGINS.join(', ')}.`);
  }
  for (const name of ['password', 'privateKey', 'passphrase'] as const) warnLiteral(ctx, name, shape[name]);
  if (shape.passphrase !== undefined && given.some((name) => name.startsWith('password'))) {
    const remedy = 'Remove it, or log in with a private key.';
    ctx.report.keyError([...SFTP, 'passphrase'], 'MR-CONFIG-LOGIN', 'A password has no passphrase.', remedy);
  }
  if (shape.password !== undefined || shape.passwordFile !== undefined) {
    const password =
      shape.password ?? readSecret(ctx, 'passwordFile', shape.passwordFile).replace(/\r?\n$/, '');
    return { kind: 'password', password: new Secret(password) };
  }
  const key = shape.privateKey ?? readSecret(ctx, 'privateKeyFile', shape.privateKeyFile);
  return {
    kind: 'key',
    privateKey: new Secret(key),
    passphrase: shape.passphrase === undefined ? null : new Secret(shape.passphrase),
  };
}

function warnLiteral(ctx: CompileContext, name: string, value: string | undefined): void {
  const path = [...SFTP, name];
  if (value === undefined || ctx.fromVariable(path)) return;
  const remedy = `Write \${SFTP_${name.toUpperCase()}} and set that in the environment.`;
  ctx.report.warn(path, 'MR-CONFIG-LITERAL-SECRET', `'${name}' is written into the file.`, remedy);
}

function readSecret(ctx: CompileContext, name: string, file: string | undefined): string {
  if (file === undefined) return '';
  try {
    return ctx.readText(file);
  } catch {
    const message = `'${name}' names a file that cannot be read: ${file}.`;
    ctx.report.error(
      [...SFTP, name],
      'MR-CONFIG-SECRET-FILE',
      message,
      'Mount the file, or correct the path.',
    );
    return '';
  }
}

function compileHostKeys(ctx: CompileContext, shape: SftpShape): readonly string[] {
  if (shape.insecureAcceptAnyHostKey) {
    const message = 'Any server that answers is trusted: nothing protects the password and the data.';
    const remedy = "For anything but tests, remove it and write 'hostKey: SHA256:…'.";
    ctx.report.warn([...SFTP, 'insecureAcceptAnyHostKey'], 'MR-CONFIG-INSECURE-HOST-KEY', message, remedy);
    return [];
  }
  const keys = shape.hostKey === undefined ? [] : [shape.hostKey].flat();
  if (keys.length === 0) {
    const remedy =
      'Ask its owner, or write what `ssh-keyscan <host> | ssh-keygen -lf -` prints: hostKey: SHA256:…';
    ctx.report.keyError(SFTP, 'MR-CONFIG-HOST-KEY', "Nothing says what the server's host key is.", remedy);
  }
  keys.forEach((key, index) => {
    if (/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(key)) return;
    const path = [...SFTP, 'hostKey', ...(typeof shape.hostKey === 'string' ? [] : [index])];
    const remedy = 'Write it as `ssh-keygen -lf` prints it: SHA256: and 43 characters.';
    ctx.report.error(path, 'MR-CONFIG-HOST-KEY', 'This is not the fingerprint of a host key.', remedy);
  });
  return keys.map((key) => key.replace(/=$/, ''));
}

type CsvShape = FileSourceShape['files'][number]['csv'];

function compileCsv(ctx: CompileContext, path: Path, shape: CsvShape): CsvFormat {
  const wrong = (name: string, message: string, remedy: string): void =>
    ctx.report.error([...path, name], 'MR-CONFIG-VALUE', message, remedy);
  if (shape.delimiter.length !== 1) {
    wrong('delimiter', "'delimiter' must be one character.", 'Write ";" or "," or "\\t", in double quotes.');
  }
  if (shape.quote.length > 1)
    wrong('quote', "'quote' must be one character, or empty.", 'Write \'"\' or "".');
  if (shape.delimiter === shape.quote) {
    wrong('quote', "'quote' and 'delimiter' are the same.", 'Choose two different characters.');
  }
  if (shape.decimal === shape.thousands) {
    wrong('thousands', "'thousands' and 'decimal' are the same.", 'Choose two different characters.');
  }
  if (!shape.header && shape.columns.length === 0) {
    const remedy = "Write 'columns: [first, second, …]'.";
    ctx.report.keyError(
      [...path, 'header'],
      'MR-CONFIG-MISSING',
      'Nothing names the columns of the file.',
      remedy,
    );
  }
  if (shape.header && shape.columns.length > 0) {
    wrong('columns', 'The header already names the columns.', "Remove 'columns', or write 'header: false'.");
  }
  for (const kind of ['timestamp', 'date'] as const) {
    const mistake = formatMistake(shape[kind], kind);
    if (mistake) ctx.report.error([...path, kind], 'MR-CONFIG-FORMAT', mistake.message, mistake.remedy);
  }
  if (!isZone(shape.zone)) {
    const message = `'${shape.zone}' is no time zone.`;
    ctx.report.error([...path, 'zone'], 'MR-CONFIG-ZONE', message, zoneRemedy(shape.zone));
  }
  const { maxRow, ...rest } = shape;
  return { ...rest, maxRowBytes: maxRow };
}

function checkGlob(ctx: CompileContext, path: Path, glob: string): void {
  if (!glob.startsWith('/')) {
    const message = `'${glob}' does not start at the root of the server.`;
    ctx.report.error(path, 'MR-CONFIG-GLOB', message, `Write '/${glob.replace(/^\.?\/?/, '')}'.`);
  } else if (/(^|\/)\.\.(\/|$)/.test(glob)) {
    ctx.report.error(
      path,
      'MR-CONFIG-GLOB',
      "'..' leads out of the folder.",
      'Write the folder that is meant.',
    );
  }
}

/** The folder in front of the first glob character. */
export function literalFolder(glob: string): string {
  const special = glob.search(/[*?[\]{}()!+@]/);
  const literal = special < 0 ? glob : glob.slice(0, special);
  return literal.slice(0, Math.max(1, literal.lastIndexOf('/')));
}

/** A file in the archive must not match again: it would be taken, published and archived for ever. */
function checkArchive(ctx: CompileContext, archive: string, files: readonly FilePattern[]): void {
  const path = ['source', 'archive'];
  if (!archive.startsWith('/')) {
    const message = `'${archive}' does not start at the root of the server.`;
    ctx.report.error(path, 'MR-CONFIG-GLOB', message, `Write '/${archive.replace(/^\.?\/?/, '')}'.`);
    return;
  }
  for (const { match, folder } of files) {
    // As ingest matches: names that start with a dot only where the pattern says so.
    const matches = picomatch(match, { dot: false });
    const below = match.slice(folder === '/' ? 1 : folder.length + 1);
    const examples = [below, below.slice(below.lastIndexOf('/') + 1)].map(
      (name) => `${archive.replace(/\/+$/, '')}/${exampleOf(name)}`,
    );
    if (!examples.some((example) => matches(example))) continue;
    const remedy = `Choose a folder that '${match}' does not match, or narrow the pattern.`;
    const message = `Archived files would match '${match}' and be taken again.`;
    ctx.report.error(path, 'MR-CONFIG-ARCHIVE-LOOP', message, remedy);
    return;
  }
}

/** Some name that a pattern matches, good enough to tell whether it matches in another folder. */
function exampleOf(glob: string): string {
  return glob
    .replaceAll('**/', '')
    .replace(/\*+/g, 'x')
    .replaceAll('?', 'x')
    .replace(/\[!?\^?(.)[^\]]*\]/g, '$1')
    .replace(/\{([^,}]*)[^}]*\}/g, '$1')
    .replace(/[!?*+@]?\(([^|)]*)[^)]*\)/g, '$1');
}
