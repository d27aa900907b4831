/**
 * The official SDKs' clients behind one interface, so that the same expectations hold for each of them. They answer
 * what servers ask, and keep what servers tell.
 */
import type { Transport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
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
  subscribe(uri: string): Promise<unknown>;
  unsubscribe(uri: string): Promise<unknown>;
  logLevel(level: 'debug' | 'emergency'): Promise<unknown>;
  ping(): Promise<unknown>;
  close(): Promise<void>;
}

/** What servers told without being asked. */
export type Told =
  | { readonly kind: 'log'; readonly level: string; readonly data: unknown }
  | { readonly kind: 'updated'; readonly uri: string }
  | { readonly kind: 'listChanged'; readonly list: 'tools' | 'resources' };

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

const INFO = { name: 'test-client', version: '1.0.0' };
const CAPABILITIES = { sampling: {}, elicitation: {}, roots: { listChanged: true } };

/** What a person or a model behind the client would answer. */
const answerSampling = (params: { messages: { content: unknown }[] }) => ({
  model: 'test-model',
  role: 'assistant' as const,
  content: { type: 'text' as const, text: `sampled <${JSON.stringify(params.messages[0]?.content)}>` },
});
const ANSWER = { action: 'accept' as const, content: { name: 'Ada Lovelace', integer: 36 } };

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
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () =>
    heard.add({ kind: 'listChanged', list: 'resources' }),
  );
  // The SDK's own transports do not fit its interface under exactOptionalPropertyTypes.
  await client.connect(transport);
  return driver(client as unknown as Official, heard, (params, options) =>
    client.callTool(params, undefined, options),
  );
}

export type Negotiation = 'legacy' | 'auto';

export async function driveV2(
  transport: TransportV2,
  { root, negotiation }: DriverOptions & { negotiation: Negotiation | undefined },
): Promise<{ driver: Driver; era: string | undefined; version: string | undefined }> {
  const client = new ClientV2(INFO, {
    capabilities: CAPABILITIES,
    ...(negotiation ? { versionNegotiation: { mode: negotiation } } : {}),
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
  client.setNotificationHandler('notifications/resources/list_changed', () =>
    heard.add({ kind: 'listChanged', list: 'resources' }),
  );
  await client.connect(transport);
  return {
    driver: driver(client as unknown as Official, heard, (params, options) =>
      client.callTool(params, options),
    ),
    era: client.getProtocolEra(),
    version: client.getNegotiatedProtocolVersion(),
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
  subscribeResource(params: { uri: string }): Promise<unknown>;
  unsubscribeResource(params: { uri: string }): Promise<unknown>;
  setLoggingLevel(level: string): Promise<unknown>;
  ping(): Promise<unknown>;
  close(): Promise<void>;
}

type CallTool = (
  params: { name: string; arguments: Record<string, unknown> },
  options?: CallOptions,
) => Promise<object>;

function driver(client: Official, heard: Heard, callTool: CallTool): Driver {
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
    subscribe: (uri) => client.subscribeResource({ uri }),
    unsubscribe: (uri) => client.unsubscribeResource({ uri }),
    logLevel: (level) => client.setLoggingLevel(level),
    ping: () => client.ping(),
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
