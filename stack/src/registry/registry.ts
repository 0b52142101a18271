import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from '../errors.ts';
import { fetchWithMaven } from '../maven.ts';
import { type Part, type PartContext, type Restartable, Supervised } from '../part.ts';
import { run } from '../process/run.ts';

export const REGISTRY_VERSION = '3.0.9';

export interface Registry extends Part, Restartable {
  /** The base URL of the Confluent-compatible API. */
  readonly url: string;
  stop(): Promise<void>;
}

async function unpack(folder: string): Promise<void> {
  const libs = join(folder, 'libs');
  for (const archive of await readdir(libs)) {
    await run('tar', ['-xzf', join(libs, archive), '-C', folder]);
  }
  await rm(libs, { recursive: true });
}

async function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
}

/** Its own default is NONE, under which any change of a schema passes. */
async function setCompatibility(url: string): Promise<void> {
  const response = await fetch(`${url}/config`, {
    method: 'PUT',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ compatibility: 'BACKWARD' }),
  });
  if (!response.ok) {
    throw new StackError(
      'MR-STACK-REGISTRY',
      `the registry refused its compatibility (${response.status})`,
      url,
    );
  }
}

/** Starts Apicurio Registry with schemas kept in a file database of the stack folder. */
export async function startRegistry(context: PartContext): Promise<Registry> {
  const folder = await fetchWithMaven('registry', 'dependency:copy', unpack);
  const jar = join(folder, `apicurio-registry-app-${REGISTRY_VERSION}-runner.jar`);
  if (!existsSync(jar)) throw new StackError('MR-STACK-REGISTRY', `${jar} is missing`, `Delete ${folder}`);
  const data = join(context.state.dir, 'registry');
  await mkdir(data, { recursive: true });
  const port = await context.state.port('registry');
  const managementPort = await context.state.port('registry-management');
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const server = new Supervised(context, {
    name: 'registry',
    command: 'java',
    args: ['-Xms64m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-jar', jar],
    cwd: data,
    env: {
      QUARKUS_HTTP_HOST: '127.0.0.1',
      QUARKUS_HTTP_PORT: String(port),
      QUARKUS_MANAGEMENT_HOST: '127.0.0.1',
      QUARKUS_MANAGEMENT_PORT: String(managementPort),
      APICURIO_STORAGE_KIND: 'sql',
      APICURIO_STORAGE_SQL_KIND: 'h2',
      // Its database writes half a second late by default: a kill would lose what was answered.
      APICURIO_DATASOURCE_URL: `jdbc:h2:file:${join(data, 'schemas')};WRITE_DELAY=0`,
    },
    ready: { check: () => answers(`${url}/subjects`) },
  });
  await server.start();
  await setCompatibility(url);
  return Object.assign(server, {
    env: { SCHEMA_REGISTRY_URL: url },
    version: REGISTRY_VERSION,
    url,
  });
}
