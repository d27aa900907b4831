/**
 * The official SDKs' clients behind one interface, so that the same expectations hold for each of them. They answer
 * what servers ask, and keep what servers tell.
 */
import type { McpSubscription, Transport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV2, LOG_LEVEL_META_KEY } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  PromptListChangedNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

export interface CallOptions {
  readonly onprogress?: (progress: { progress: number; total?: number | undefined }) => void;
  readonly signal?: AbortSignal;
}

export interface ToolAnswer {
  readonly text: string;
  readonly isError: boolean;
  readonly structured: unknown;
}

export type Reference = { type: 'ref/prompt'; name: string } | { type: 'ref/resource'; uri: string };

export interface Driver {
  readonly heard: Heard;
  readonly era: 'legacy' | 'modern';
  tools(): Promise<string[]>;
  prompts(): Promise<string[]>;
  /** URIs. */
  resources(): Promise<string[]>;
  templates(): Promise<string[]>;
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<ToolAnswer>;
  /** The URI and text of the first content. */
  read(uri: string): Promise<{ uri: string; text: string }>;
  /** The text of the first message. */
  prompt(name: string, args?: Record<string, string>): Promise<string>;
  complete(
    ref: Reference,
    argument: { name: string; value: string },
    known?: Record<string, string>,
  ): Promise<string[]>;
  /** Lists that change are heard of from now on, which in the legacy era they always are. */
  listen(): Promise<unknown>;
  subscribe(uri: string): Promise<unknown>;
  unsubscribe(uri: string): Promise<unknown>;
  /** For the session, or for each call from now on. */
  logLevel(level: Level): Promise<unknown>;
  ping(): Promise<unknown>;
  close(): Promise<void>;
}

export type Level = 'debug' | 'info' | 'emergency';

/** What servers told without being asked. */
export type Told =
  | { readonly kind: 'log'; readonly level: string; readonly data: unknown }
  | { readonly kind: 'updated'; readonly uri: string }
  | { readonly kind: 'listChanged'; readonly list: 'tools' | 'prompts' | 'resources' };

export class Heard {
  readonly #all: Told[] = [];
  readonly #waiting = new Set<() => void>();

  add(told: Told): void {
    this.#all.push(told);
    for (const look of this.#waiting) look();
  }

  all(): readonly Told[] {
    return this.#all;
  }

  /** The first that fits, heard already or from now on. */
  first(fits: (told: Told) => boolean): Promise<Told> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.#all.find(fits);
        if (!found) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

const MODERN = '2026-07-28';
const INFO = { name: 'test-client', version: '1.0.0' };
const CAPABILITIES = { sampling: {}, elicitation: {}, roots: { listChanged: true } };

/** What a person or a model behind the client would answer. */
const answerSampling = (params: { messages: { content: unknown }[] }) => ({
  model: 'test-model',
  role: 'assistant' as const,
  content: { type: 'text' as const, text: `sampled <${JSON.stringify(params.messages[0]?.content)}>` },
});
/** Fits every form that these servers show. */
const ANSWER = {
  action: 'accept' as const,
  content: {
    name: 'Ada Lovelace',
    username: 'ada',
    email: 'ada@example.com',
    integer: 36,
    ok: true,
    color: 'blue',
    context: 'of engines',
  },
};

export interface DriverOptions {
  /** The one root the client offers. */
  readonly root: string;
}

export async function driveV1(transport: Transport, { root }: DriverOptions): Promise<Driver> {
  const client = new Client(INFO, { capabilities: CAPABILITIES });
  const heard = new Heard();
  client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => answerSampling(params as never));
  client.setRequestHandler(ElicitRequestSchema, () => ANSWER);
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: root, name: 'the root' }] }));
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) =>
    heard.add({ kind: 'log', level: params.level, data: params.data }),
  );
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) =>
    heard.add({ kind: 'updated', uri: params.uri }),
  );
  client.setNotificationHandler(ToolListChangedNotificationSchema, () =>
    heard.add({ kind: 'listChanged', list: 'tools' }),
  );
  client.setNotificationHandler(PromptListChangedNotificationSchema, () =>
    heard.add({ kind: 'listChanged', list: 'prompts' }),
  );
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () =>
    heard.add({ kind: 'listChanged', list: 'resources' }),
  );
  // The SDK's own transports do not fit its interface under exactOptionalPropertyTypes.
  await client.connect(transport);
  const callTool: CallTool = (params, options) => client.callTool(params, undefined, options);
  return { ...common(client as unknown as Official, heard, callTool), ...legacy(client) };
}

/** `modern`: that and nothing else. */
export type Negotiation = 'legacy' | 'auto' | 'modern';

const MODES = { legacy: 'legacy', auto: 'auto', modern: { pin: MODERN } } as const;

export async function driveV2(
  transport: TransportV2,
  { root, negotiation }: DriverOptions & { negotiation: Negotiation | undefined },
): Promise<{ driver: Driver; era: string | undefined; version: string | undefined }> {
  const client = new ClientV2(INFO, {
    capabilities: CAPABILITIES,
    ...(negotiation ? { versionNegotiation: { mode: MODES[negotiation] } } : {}),
  });
  const heard = new Heard();
  client.setRequestHandler('sampling/createMessage', ({ params }) => answerSampling(params as never));
  client.setRequestHandler('elicitation/create', () => ANSWER);
  client.setRequestHandler('roots/list', () => ({ roots: [{ uri: root, name: 'the root' }] }));
  client.setNotificationHandler('notifications/message', ({ params }) =>
    heard.add({ kind: 'log', level: params.level, data: params.data }),
  );
  client.setNotificationHandler('notifications/resources/updated', ({ params }) =>
    heard.add({ kind: 'updated', uri: params.uri }),
  );
  client.setNotificationHandler('notifications/tools/list_changed', () =>
    heard.add({ kind: 'listChanged', list: 'tools' }),
  );
  client.setNotificationHandler('notifications/prompts/list_changed', () =>
    heard.add({ kind: 'listChanged', list: 'prompts' }),
  );
  client.setNotificationHandler('notifications/resources/list_changed', () =>
    heard.add({ kind: 'listChanged', list: 'resources' }),
  );
  await client.connect(transport);
  const era = client.getProtocolEra();
  const bound = era === 'modern' ? modern(client) : legacy(client as unknown as Sessions);
  const callTool: CallTool = (params, options) => client.callTool(bound.with(params), options);
  return {
    driver: { ...common(client as unknown as Official, heard, callTool), ...bound },
    era,
    version: client.getNegotiatedProtocolVersion(),
  };
}

/** What differs between the eras. */
type Bound = Pick<Driver, 'era' | 'listen' | 'subscribe' | 'unsubscribe' | 'logLevel' | 'ping'> & {
  /** What each call of a tool says besides. */
  with<T extends object>(params: T): T;
};

/** What clients with a session have in common. */
interface Sessions {
  subscribeResource(params: { uri: string }): Promise<unknown>;
  unsubscribeResource(params: { uri: string }): Promise<unknown>;
  setLoggingLevel(level: Level): Promise<unknown>;
  ping(): Promise<unknown>;
}

function legacy(client: Sessions): Bound {
  return {
    era: 'legacy',
    with: (params) => params,
    listen: () => Promise.resolve(),
    subscribe: (uri) => client.subscribeResource({ uri }),
    unsubscribe: (uri) => client.unsubscribeResource({ uri }),
    logLevel: (level) => client.setLoggingLevel(level),
    ping: () => client.ping(),
  };
}

function modern(client: ClientV2): Bound {
  const streams = new Map<string, McpSubscription>();
  let level: Level | undefined;
  return {
    era: 'modern',
    with: (params) => (level ? { ...params, _meta: { [LOG_LEVEL_META_KEY]: level } } : params),
    listen: () =>
      client.listen({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }),
    subscribe: async (uri) => {
      const stream = await client.listen({ resourceSubscriptions: [uri] });
      if (!stream.honoredFilter.resourceSubscriptions?.includes(uri)) throw new Error(`${uri} is refused`);
      streams.set(uri, stream);
    },
    unsubscribe: async (uri) => {
      await streams.get(uri)?.close();
      streams.delete(uri);
    },
    logLevel: async (wanted) => {
      level = wanted;
    },
    ping: () => client.discover(),
  };
}

/** The methods both SDKs have in common. */
interface Official {
  listTools(): Promise<{ tools: { name: string }[] }>;
  listPrompts(): Promise<{ prompts: { name: string }[] }>;
  listResources(): Promise<{ resources: { uri: string }[] }>;
  listResourceTemplates(): Promise<{ resourceTemplates: { uriTemplate: string }[] }>;
  readResource(params: { uri: string }): Promise<{ contents: { uri: string; text?: string }[] }>;
  getPrompt(params: { name: string; arguments?: Record<string, string> }): Promise<{
    messages: { content: { text?: string } }[];
  }>;
  complete(params: object): Promise<{ completion: { values: string[] } }>;
  close(): Promise<void>;
}

type CallTool = (
  params: { name: string; arguments: Record<string, unknown> },
  options?: CallOptions,
) => Promise<object>;

function common(client: Official, heard: Heard, callTool: CallTool): Omit<Driver, keyof Bound> {
  return {
    heard,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    templates: async () =>
      (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
    call: async (name, args = {}, options) => toolAnswer(await callTool({ name, arguments: args }, options)),
    read: async (uri) => {
      const [first] = (await client.readResource({ uri })).contents;
      return { uri: first?.uri ?? '', text: first?.text ?? '' };
    },
    prompt: async (name, args) => {
      const { messages } = await client.getPrompt({ name, ...(args ? { arguments: args } : {}) });
      return messages[0]?.content.text ?? '';
    },
    complete: async (ref, argument, known) => {
      const context = known ? { context: { arguments: known } } : {};
      return (await client.complete({ ref, argument, ...context })).completion.values;
    },
    close: () => client.close(),
  };
}

/** A result of `tools/call`, whichever client's types it has. */
export function toolAnswer(result: object): ToolAnswer {
  const {
    content = [],
    isError,
    structuredContent,
  } = result as {
    content?: { text?: string }[];
    isError?: boolean;
    structuredContent?: unknown;
  };
  const text = content.map((block) => block.text ?? '').join('\n');
  return { text, isError: isError === true, structured: structuredContent };
}
