import { describe, expect, it } from 'vitest';
import { connect, tlsAware } from './connection.ts';

describe('TLS of a connection string', () => {
  it('is verified over a network unless the URL says otherwise', () => {
    expect(tlsAware('postgresql://u:p@db.plant/x').ssl).toEqual({ rejectUnauthorized: true });
    expect(tlsAware('postgresql://u:p@10.0.0.7/x').ssl).toEqual({ rejectUnauthorized: true });
  });

  it('is not asked for on this machine', () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      expect(tlsAware(`postgresql://u@${host}:5432/x`).ssl).toBe(false);
    }
    expect(tlsAware('postgresql://u@localhost/x?host=db.plant').ssl).toEqual({ rejectUnauthorized: true });
  });

  it('is what sslmode says, and weak modes are verified as well', () => {
    expect(tlsAware('postgresql://u@db/x?sslmode=disable').connectionString).toContain('sslmode=disable');
    expect(tlsAware('postgresql://u@db/x?sslmode=require').connectionString).toContain('sslmode=verify-full');
    expect(tlsAware('postgresql://u@db/x?sslmode=no-verify').connectionString).toContain('sslmode=no-verify');
  });

  it('is not lost to a slip of the pen', () => {
    for (const query of ['sslmode=verify_full', 'sslmode=VERIFY-FULL', 'sslmode=']) {
      const slip = `postgresql://u:planted-password@db.plant/x?${query}`;
      expect(() => tlsAware(slip)).toThrow(
        expect.objectContaining({ kind: 'config', code: 'MR-PG-SSLMODE' }),
      );
      expect(() => tlsAware(slip)).not.toThrow('planted-password');
    }
  });

  it('names the certificate file that it cannot read', async () => {
    const options = {
      url: 'postgresql://u@localhost/x?sslrootcert=/no/such/ca.pem',
      applicationName: 'test',
    };
    await expect(connect(options)).rejects.toMatchObject({
      kind: 'systemic',
      code: 'MR-PG-TLS',
      message: expect.stringContaining('/no/such/ca.pem'),
    });
  });

  it('keeps a bad one out of the error', () => {
    const bad = 'mysql://u:planted-password@db/x';
    expect(() => tlsAware(bad)).toThrow(expect.objectContaining({ kind: 'config', code: 'MR-PG-URL' }));
    expect(() => tlsAware(bad)).not.toThrow('planted-password');
  });
});
