import type { Environment } from './environment.ts';

/** What a Kafka client needs, secrets in the open: only for handing to it. */
export interface RevealedKafkaSettings extends Omit<Environment['kafka'], 'tls' | 'sasl'> {
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: Omit<NonNullable<Environment['kafka']['sasl']>, 'password'> & { readonly password: string };
}

/** What a registry client needs, secrets in the open: only for handing to it. */
export interface RevealedRegistrySettings {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

export function kafkaSettingsOf({ kafka }: Environment): RevealedKafkaSettings {
  const { brokers, clientId, tls, sasl } = kafka;
  return {
    brokers,
    clientId,
    ...(tls && {
      tls: {
        ...(tls.ca !== undefined && { ca: tls.ca }),
        ...(tls.cert !== undefined && { cert: tls.cert }),
        ...(tls.key && { key: tls.key.reveal() }),
      },
    }),
    ...(sasl && { sasl: { ...sasl, password: sasl.password.reveal() } }),
  };
}

export function registrySettingsOf({ registry }: Environment): RevealedRegistrySettings {
  const { url, username, password } = registry;
  return {
    url,
    ...(username !== undefined && { username }),
    ...(password && { password: password.reveal() }),
  };
}
