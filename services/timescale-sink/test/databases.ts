import { connect } from '@millrace/postgres';

let made = 0;

/** A database of its own: with the extension where the server has it, or without, which is a plain server to us. */
export async function createDatabase(
  urls: { readonly DATABASE_URL?: string; readonly DATABASE_ADMIN_URL?: string },
  kind: 'apache' | 'plain',
): Promise<string> {
  const { DATABASE_URL = '', DATABASE_ADMIN_URL = '' } = urls;
  made += 1;
  const name = `series_${process.pid}_${made}_${kind}`;
  const role = new URL(DATABASE_URL).username;
  const admin = await connect({ url: DATABASE_ADMIN_URL, applicationName: 'millrace test' });
  try {
    await admin.query(`CREATE DATABASE ${name} OWNER "${role}" TEMPLATE template0`, 'test');
  } finally {
    await admin.close();
  }
  const inside = (url: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  if (kind === 'apache') {
    const owner = await connect({ url: inside(DATABASE_ADMIN_URL), applicationName: 'millrace test' });
    await owner.query('CREATE EXTENSION timescaledb', 'test').finally(() => owner.close());
  }
  return inside(DATABASE_URL);
}
