/**
 * Reads secrets of the configuration: texts, or files that are looked at again when the secret is used. No message of
 * this module quotes one. Where they go is the business of who asks.
 */
import { hash } from 'node:crypto';
import type { SettingsPlan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';
import type { Secret } from '../core/schema.ts';
import { CheckedFile } from './checked-file.ts';

type SecretPorts = Pick<Ports, 'clock' | 'log'>;

export interface SecretOptions<T> {
  /** The key it stands under, for messages: `backendAuth.key`. */
  readonly what: string;
  readonly ports: SecretPorts;
  /** What is kept of it. Throws with what is wrong, without quoting it. */
  parse(text: string): T;
}

/** The secret in force, whenever asked. Throws CONFIG_INVALID for a file that cannot be read or is empty. */
export function secretOf(secret: Secret, what: string, ports: SecretPorts): () => string {
  return secretAs(secret, { what, ports, parse: (text) => text });
}

/** What is made of the secret in force. Throws CONFIG_INVALID for a file without a proper one. */
export function secretAs<T>(secret: Secret, { what, ports, parse }: SecretOptions<T>): () => T {
  if (typeof secret === 'string') {
    const value = parse(secret);
    return () => value;
  }
  const file = new CheckedFile({ path: secret.file, what, ports, parse: (text) => parse(contentOf(text)) });
  return () => file.now();
}

/** The bytes of `config.session.key`. Throws CONFIG_INVALID. */
export function sessionKey(
  { sessionKey: key }: Pick<SettingsPlan, 'sessionKey'>,
  ports: SecretPorts,
): Buffer | undefined {
  if (key === undefined) return undefined;
  const parse = (text: string): Buffer => {
    if (!/^[0-9A-Fa-f]{64}$/.test(text)) throw new Error('expected 64 hexadecimal digits');
    return Buffer.from(text, 'hex');
  };
  return secretAs(key, { what: 'config.session.key', ports, parse })();
}

/** Names a secret in keys of what is made from it, without giving it away. */
export function secretName(secret: Secret): string {
  return typeof secret === 'string' ? `sha256:${hash('sha256', secret, 'hex')}` : `file:${secret.file}`;
}

/** Without the mark and the line end that editors and `echo` leave around it. */
function contentOf(text: string): string {
  const content = text.replace(/^\uFEFF/, '').trimEnd();
  if (content === '') throw new Error('the file is empty');
  return content;
}
