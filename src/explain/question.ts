/** What `agentgateway explain`, and each test of a configuration, asks: who wants what, by which way. */
import type { PeerCertificate } from '../core/identity.ts';

export interface Question {
  readonly client: Client;
  readonly request: AskedRequest;
  /** Name of a route; needed where nothing else says which. */
  readonly route?: string | undefined;
  /** A tool, prompt or resource; without one: the way to a backend alone. */
  readonly item?: AskedItem | undefined;
  /** What the client says of itself. */
  readonly clientInfo?: Readonly<Record<string, unknown>> | undefined;
}

export type CredentialKind = 'jwt' | 'apiKey' | 'basicAuth';

export interface Client {
  /** Presented where the policies of that kind look for them: a token, a key, `user:password` in Base64. */
  readonly credentials: Readonly<Partial<Record<CredentialKind, string>>>;
  /** As though a token with them had been verified. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  /** As though the key that has it had been found. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly certificate?: PeerCertificate | undefined;
}

export interface AskedRequest {
  readonly method?: string | undefined;
  /** Port, host, path and query at once; what is beside it goes before. */
  readonly url?: URL | undefined;
  /** Path and query. */
  readonly path?: string | undefined;
  readonly host?: string | undefined;
  /** Address of the client. */
  readonly address?: string | undefined;
  /** Names as they are given. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface AskedItem {
  readonly kind: 'tool' | 'prompt' | 'resource';
  /** As clients know it; where `target` is given as that server knows it. */
  readonly name: string;
  readonly target?: string | undefined;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
  readonly annotations?: Readonly<Record<string, unknown>> | undefined;
}

/** The question itself is at fault; for whoever asked it. */
export class QuestionError extends Error {}

/** A bare `--as`: what it is, by its shape and by what the configuration can read. */
export function readClient(text: string, policies: ReadonlySet<string>): Client {
  if (text === 'anonymous') return { credentials: {} };
  if (/^[\w-]+\.[\w-]+\.[\w-]*$/.test(text) && text.startsWith('eyJ')) return { credentials: { jwt: text } };
  if (policies.has('basicAuth') && text.includes(':'))
    return { credentials: { basicAuth: Buffer.from(text).toString('base64') } };
  if (policies.has('apiKey')) return { credentials: { apiKey: text } };
  if (policies.has('basicAuth')) throw new QuestionError('--as: expected user:password, or anonymous');
  return { credentials: { jwt: text } };
}
