import type { OpcuaGroup, OpcuaServer, OpcuaSource } from '../opcua-model.ts';
import { Secret } from '../secret.ts';
import type { OpcuaSourceShape } from '../shape/pipeline.ts';
import type { Path } from '../source-text/yaml-file.ts';
import type { CompileContext } from './context.ts';

const OPCUA: Path = ['source', 'opcua'];
const SAMPLING_MS = 1_000;

export function compileOpcuaSource(
  ctx: CompileContext,
  shape: OpcuaSourceShape,
  pipelineName: string,
): OpcuaSource {
  const { servers, groups, spool } = shape.opcua;
  checkUnique(ctx, 'servers', servers);
  checkUnique(ctx, 'groups', groups);
  const names = servers.map((server) => server.name);
  return {
    kind: 'opcua',
    name: shape.name ?? pipelineName,
    servers: servers.map((server, index) => compileServer(ctx, [...OPCUA, 'servers', index], server)),
    groups: groups.map((group, index) => compileGroup(ctx, [...OPCUA, 'groups', index], group, names)),
    spool: {
      bytesMax: spool.maxBytes,
      ageMaxMs: spool.maxAge,
      overflow: spool.overflow,
      rollMs: spool.roll,
    },
    onTruncation: shape.onTruncation,
  };
}

type ServerShape = OpcuaSourceShape['opcua']['servers'][number];
type GroupShape = OpcuaSourceShape['opcua']['groups'][number];

function checkUnique(
  ctx: CompileContext,
  list: 'servers' | 'groups',
  entries: readonly { readonly name: string }[],
): void {
  entries.forEach(({ name }, index) => {
    if (entries.findIndex((other) => other.name === name) === index) return;
    const path = [...OPCUA, list, index, 'name'];
    ctx.report.error(path, 'MR-CONFIG-VALUE', `'${name}' stands here a second time.`, 'Choose another name.');
  });
}

function compileServer(ctx: CompileContext, path: Path, shape: ServerShape): OpcuaServer {
  const { mode, policy } = shape.security;
  const insecure = mode === 'insecure';
  if (insecure) {
    const message = 'Messages to this server are neither signed nor encrypted.';
    const remedy = "For anything but tests, write 'mode: SignAndEncrypt'.";
    ctx.report.warn([...path, 'security', 'mode'], 'MR-CONFIG-INSECURE-OPCUA', message, remedy);
  }
  if (policy === 'Basic256' || policy === 'Basic128Rsa15') {
    const remedy = "Ask for a server that offers Basic256Sha256 or better, and write 'policy: best'.";
    const message = `${policy} is broken: it protects against accidents, not against people.`;
    ctx.report.warn([...path, 'security', 'policy'], 'MR-CONFIG-INSECURE-OPCUA', message, remedy);
  }
  return {
    name: shape.name,
    endpoint: shape.endpoint,
    security: { mode: insecure ? 'None' : mode, policy: insecure ? 'None' : policy },
    auth: compileAuth(ctx, path, shape),
    requestTimeoutMs: shape.requestTimeout,
    staleAfterMs: shape.staleAfter,
  };
}

function compileAuth(ctx: CompileContext, path: Path, shape: ServerShape): OpcuaServer['auth'] {
  const wrong = (message: string, remedy: string): void =>
    ctx.report.keyError(path, 'MR-CONFIG-LOGIN', message, remedy);
  const { user, password, passwordFile, certificateFile, privateKeyFile } = shape;
  const named = user !== undefined || password !== undefined || passwordFile !== undefined;
  const certified = certificateFile !== undefined || privateKeyFile !== undefined;
  if (named && certified) wrong('A user and a certificate stand side by side.', 'Write one of them.');
  if (certified) {
    if (certificateFile === undefined || privateKeyFile === undefined)
      wrong('A certificate needs its key.', 'Write certificateFile and privateKeyFile.');
    const certificate = readFile(ctx, path, 'certificateFile', certificateFile);
    const privateKey = new Secret(readFile(ctx, path, 'privateKeyFile', privateKeyFile));
    return { kind: 'certificate', certificate, privateKey };
  }
  if (!named) return { kind: 'anonymous' };
  if (user === undefined || (password === undefined) === (passwordFile === undefined))
    wrong('A login is a user and one password.', 'Write user, and password or passwordFile.');
  if (password !== undefined && !ctx.fromVariable([...path, 'password'])) {
    const remedy = 'Write $' + '{OPCUA_PASSWORD} and set that in the environment.';
    const message = "'password' is written into the file.";
    ctx.report.warn([...path, 'password'], 'MR-CONFIG-LITERAL-SECRET', message, remedy);
  }
  const secret = password ?? readFile(ctx, path, 'passwordFile', passwordFile).replace(/\r?\n$/, '');
  return { kind: 'password', user: user ?? '', password: new Secret(secret) };
}

function readFile(ctx: CompileContext, path: Path, name: string, file: string | undefined): string {
  if (file === undefined) return '';
  try {
    return ctx.readText(file);
  } catch {
    const message = `'${name}' names a file that cannot be read: ${file}.`;
    const remedy = 'Mount the file, or correct the path.';
    ctx.report.error([...path, name], 'MR-CONFIG-SECRET-FILE', message, remedy);
    return '';
  }
}

function compileGroup(
  ctx: CompileContext,
  path: Path,
  shape: GroupShape,
  servers: readonly string[],
): OpcuaGroup {
  if (shape.servers) {
    shape.servers.forEach((name, index) => {
      if (servers.includes(name)) return;
      const remedy = `Write one of: ${servers.join(', ')}.`;
      ctx.report.error(
        [...path, 'servers', index],
        'MR-CONFIG-VALUE',
        `There is no server '${name}'.`,
        remedy,
      );
    });
  }
  if (!shape.browse && shape.nodes.length === 0) {
    const remedy = "Write 'browse: { from: i=85 }' or 'nodes: [...]'.";
    ctx.report.keyError(path, 'MR-CONFIG-MISSING', 'The group has no tags.', remedy);
  }
  for (const [index, node] of shape.nodes.entries()) checkNode(ctx, [...path, 'nodes', index], node);
  if (shape.browse) checkNode(ctx, [...path, 'browse', 'from'], shape.browse.from);
  return {
    name: shape.name,
    servers: shape.servers ?? servers,
    browse: shape.browse
      ? {
          from: shape.browse.from,
          include: shape.browse.include,
          exclude: shape.browse.exclude,
          depthMax: shape.browse.depth,
          nodesMax: shape.browse.nodes,
          everyMs: shape.browse.every,
        }
      : null,
    nodes: shape.nodes,
    read: compileRead(ctx, path, shape),
  };
}

function compileRead(ctx: CompileContext, path: Path, shape: GroupShape): OpcuaGroup['read'] {
  const wrong = (key: string, message: string, remedy: string): void =>
    ctx.report.keyError([...path, key], 'MR-CONFIG-VALUE', message, remedy);
  if (shape.poll !== undefined) {
    for (const key of ['sampling', 'publishing', 'queue', 'deadband'] as const)
      if (shape[key] !== undefined)
        wrong(key, `'${key}' belongs to subscriptions, this group is polled.`, `Remove it, or 'poll'.`);
    return { kind: 'poll', everyMs: shape.poll };
  }
  const samplingMs = shape.sampling ?? SAMPLING_MS;
  const publishingMs = shape.publishing ?? Math.max(samplingMs, 500);
  const least = Math.max(2, Math.ceil((2 * publishingMs) / Math.max(samplingMs, 10)));
  if (shape.queue !== undefined && shape.queue < least) {
    const message = `A queue of ${shape.queue} overflows: between two messages there are up to ${least / 2} values.`;
    wrong('queue', message, `Write at least ${least}, or leave it out.`);
  }
  const { absolute, percent } = shape.deadband ?? {};
  if (shape.deadband && (absolute === undefined) === (percent === undefined))
    wrong('deadband', 'A deadband is absolute or in percent.', "Write 'deadband: { absolute: 0.1 }'.");
  const deadband =
    absolute !== undefined
      ? ({ kind: 'absolute', value: absolute } as const)
      : percent !== undefined
        ? ({ kind: 'percent', value: percent } as const)
        : null;
  return { kind: 'subscribe', samplingMs, publishingMs, queueSize: shape.queue ?? least, deadband };
}

const NODE = /^(?:nsu=[^;]+;|ns=\d+;)?(?:i=\d+|s=.+|g=[0-9a-fA-F-]{36}|b=[A-Za-z0-9+/=]+)$/s;

function checkNode(ctx: CompileContext, path: Path, node: string): void {
  if (NODE.test(node)) return;
  const remedy = 'Write it like nsu=urn:plant;s=Site.Area.Temp, or i=85.';
  ctx.report.error(path, 'MR-CONFIG-NODE', `'${node}' is no node id.`, remedy);
}
