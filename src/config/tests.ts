/** The `tests` of a document: who asks for what, and what the answer has to be. Run by `--validate-only` (src/explain). */
import { z } from 'zod';
import { type Secret, secretSchema } from '../core/schema.ts';

export interface TestClient {
  readonly token?: Secret | undefined;
  readonly key?: Secret | undefined;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  /** Of a token that nobody has to sign. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  /** Metadata of an API key that nobody has to know. */
  readonly apiKey?: Readonly<Record<string, unknown>> | undefined;
  readonly certificate?: TestCertificate | undefined;
}

export interface TestCertificate {
  readonly subject?: string | undefined;
  readonly subjectCn?: string | undefined;
  readonly subjectAltNames?: readonly string[] | undefined;
  readonly issuer?: string | undefined;
  readonly fingerprint?: string | undefined;
}

export type Expected = 'allow' | 'deny' | 'hidden' | 401 | { readonly scopes: readonly string[] };

export interface RuleTest {
  readonly name: string;
  readonly as: TestClient;
  readonly route?: string | undefined;
  readonly request: {
    readonly method?: string | undefined;
    readonly path?: string | undefined;
    readonly host?: string | undefined;
    readonly address?: string | undefined;
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly tool?: string | undefined;
  readonly prompt?: string | undefined;
  readonly resource?: string | undefined;
  readonly target?: string | undefined;
  readonly args?: Readonly<Record<string, unknown>> | undefined;
  readonly annotations?: Readonly<Record<string, unknown>> | undefined;
  readonly client?: Readonly<Record<string, unknown>> | undefined;
  readonly expect: Expected;
}

const anything = z.record(z.string(), z.unknown());

const clientSchema = z.strictObject({
  token: secretSchema.optional().meta({ description: 'A token, verified as any other.' }),
  key: secretSchema.optional().meta({ description: 'An API key, looked up as any other.' }),
  user: z.string().min(1).optional().meta({ description: 'A user name, with `password`.' }),
  password: secretSchema.optional(),
  claims: anything.optional().meta({
    description: 'Claims as of a token that has been verified: no token, no issuer and no network is needed.',
  }),
  apiKey: anything.optional().meta({ description: 'Metadata as of an API key that is known.' }),
  certificate: z
    .strictObject({
      subject: z.string().optional(),
      subjectCn: z.string().optional(),
      subjectAltNames: z.array(z.string()).optional(),
      issuer: z.string().optional(),
      fingerprint: z.string().optional(),
    })
    .optional()
    .meta({ description: 'As of a client certificate that has been verified.' }),
});

const ANONYMOUS: TestClient = {};

const asSchema = z
  .union([z.literal('anonymous').transform(() => ANONYMOUS), clientSchema])
  .default(ANONYMOUS)
  .meta({ description: 'Who asks: `anonymous` (default), or what the client proves.' });

const expectSchema = z
  .union([
    z.enum(['allow', 'deny', 'hidden', '401']).transform((word) => (word === '401' ? 401 : word)),
    z.literal(401),
    z.strictObject({ scopes: z.array(z.string().min(1)).min(1) }),
  ])
  .meta({
    description:
      '`allow`: it gets through. `deny`: rules refuse it, in whatever way. `hidden`: it is refused as unknown and not listed. `401`: who asks is not let in. `{scopes}`: refused with the scopes a token would have to grant.',
  });

const requestSchema = z
  .strictObject({
    method: z.string().min(1).optional().meta({ description: 'Default: `POST` for MCP, else `GET`.' }),
    path: z
      .string()
      .startsWith('/', 'a path begins with "/"')
      .optional()
      .meta({ description: 'Path and query; default: one that the route serves.' }),
    host: z.string().min(1).optional().meta({ description: 'Default: one that the route serves.' }),
    address: z.string().min(1).optional().meta({ description: 'Of the client (default: `127.0.0.1`).' }),
    headers: z.record(z.string().min(1), z.string()).default({}),
  })
  .prefault({})
  .meta({ description: 'The HTTP request, where rules read it or routes depend on it.' });

const ITEMS = ['tool', 'prompt', 'resource'] as const;

const testSchema = z
  .strictObject({
    name: z.string().min(1).meta({ description: 'A sentence about what has to hold.' }),
    as: asSchema,
    route: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Name of a route; needed where there are several.' }),
    request: requestSchema,
    tool: z.string().min(1).optional().meta({ description: 'Name of a tool as clients know it.' }),
    prompt: z.string().min(1).optional().meta({ description: 'Name of a prompt as clients know it.' }),
    resource: z.string().min(1).optional().meta({ description: 'URI of a resource as clients know it.' }),
    target: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'The server that has it, which then is named as that server knows it.' }),
    args: anything.optional().meta({ description: 'Arguments of the call.' }),
    annotations: anything
      .optional()
      .meta({ description: 'Annotations of the tool; only its server knows them otherwise.' }),
    client: anything.optional().meta({ description: 'What the client says of itself: `name`, `version`.' }),
    expect: expectSchema,
  })
  .superRefine((test, context) => {
    const fault = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', message, path: [path], input: test });
    const [, second] = ITEMS.filter((item) => test[item] !== undefined);
    if (second) fault(second, 'give one of `tool`, `prompt`, `resource`');
    if (test.as.password !== undefined && test.as.user === undefined) fault('as', '`user` is missing');
    if (test.as.user !== undefined && test.as.password === undefined) fault('as', '`password` is missing');
  });

export const testsSchema = z.array(testSchema).default([]).meta({
  description: 'What rules have to say to whom: run by `--validate-only`, not when the gateway starts.',
});
