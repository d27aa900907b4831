/** Which credentials the operations of a description want, and how the gateway is given them. */
import { isObject } from '../lib/json-value.ts';
import type { ApiDocument } from './document.ts';
import type { Operation } from './operations.ts';
import type { JsonObject } from './text.ts';

export interface WantedCredential {
  /** As the document calls it. */
  readonly scheme: string;
  /** `API key in the header X-API-Key`. */
  readonly kind: string;
  /** What to write under the target's `policies`. */
  readonly remedy: string;
  /** How many operations want it. */
  readonly operations: number;
}

/** By the first alternative of each operation that cannot be called without any. */
export function wantedCredentials(
  document: ApiDocument,
  operations: readonly Operation[],
): WantedCredential[] {
  const counts = new Map<string, number>();
  for (const { security } of operations) {
    const [first] = security;
    if (!first || security.some((alternative) => alternative.length === 0)) continue;
    for (const scheme of first) counts.set(scheme, (counts.get(scheme) ?? 0) + 1);
  }
  return [...counts].map(([scheme, count]) => {
    const found = schemeOf(document, scheme);
    return { scheme, operations: count, ...described(found) };
  });
}

function schemeOf({ root, references }: ApiDocument, name: string): JsonObject {
  const { components } = root;
  const schemes = isObject(components) ? components['securitySchemes'] : undefined;
  const written = isObject(schemes) && Object.hasOwn(schemes, name) ? schemes[name] : undefined;
  try {
    const { value } = references.follow(written);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function described(scheme: JsonObject): Pick<WantedCredential, 'kind' | 'remedy'> {
  const { type, scheme: http, in: place, name } = scheme;
  if (type === 'apiKey')
    return { kind: `API key in the ${String(place)} ${String(name)}`, remedy: keyRemedy(scheme) };
  if (type === 'http' && String(http).toLowerCase() === 'basic') {
    const remedy =
      'backendAuth: { key: { value: <user:password in base64>, location: { header: { name: Authorization, prefix: "Basic " } } } }';
    return { kind: 'user and password', remedy };
  }
  if (type === 'http') return { kind: `${String(http)} token`, remedy: 'backendAuth: { key: <token> }' };
  if (type === 'oauth2' || type === 'openIdConnect') {
    const remedy = `backendAuth: { oauthClientCredentials: { ${tokenUrl(scheme)}, clientId: <id>, clientSecret: <secret> } }, or oauthAuthorizationCode for people`;
    return { kind: 'OAuth token', remedy };
  }
  if (type === 'mutualTLS')
    return { kind: 'client certificate', remedy: 'backendTLS: { cert: <file>, key: <file> }' };
  return { kind: 'unknown', remedy: 'backendAuth' };
}

function keyRemedy({ in: place, name }: JsonObject): string {
  const quoted = JSON.stringify(name);
  const location =
    place === 'query'
      ? `queryParameter: { name: ${quoted} }`
      : place === 'cookie'
        ? `cookie: { name: ${quoted} }`
        : `header: { name: ${quoted} }`;
  return `backendAuth: { key: { value: <key>, location: { ${location} } } }`;
}

function tokenUrl({ flows, tokenUrl: old }: JsonObject): string {
  const all = isObject(flows) ? Object.values(flows).filter(isObject) : [];
  const url = old ?? all.map((flow) => flow['tokenUrl']).find((each) => typeof each === 'string');
  return `tokenUrl: ${typeof url === 'string' ? url : '<url>'}`;
}
