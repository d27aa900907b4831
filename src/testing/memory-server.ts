/**
 * An MCP server in the same process, for tests: no socket, no child, no SDK. Speaks enough of the protocol to be a
 * target: tools, prompts, resources, progress, log messages, questions to the client, changing lists.
 */
import { isObject } from '../lib/json-value.ts';
import type { WireEvents } from '../mcp/definition.ts';
import { type MemoryAsked, type MemoryContext, MemoryWire } from './memory-wire.ts';

export interface MemoryTool {
  readonly name: string;
  readonly description?: string;
  /** Default: an object with any members. */
  readonly inputSchema?: object;
  readonly annotations?: object;
  /** A string becomes text content, an object is the result as it is; what it throws becomes a tool error. */
  call(args: Readonly<Record<string, unknown>>, context: MemoryContext): unknown;
}

export interface MemoryPrompt {
  readonly name: string;
  readonly description?: string;
  /** Text of one user message. */
  get(args: Readonly<Record<string, unknown>>): string;
}

export interface MemoryResource {
  readonly uri: string;
  readonly name: string;
  readonly text: string;
}

export interface MemoryServerOptions {
  readonly name?: string;
  readonly instructions?: string;
  readonly tools?: readonly MemoryTool[];
  readonly prompts?: readonly MemoryPrompt[];
  readonly resources?: readonly MemoryResource[];
  /** Whether one connection serves every session; default `session`, as with remote servers. */
  readonly lifecycle?: 'session' | 'shared';
}

/** A server to name in the configuration of `testGateway`. */
export function memoryServer(options: MemoryServerOptions = {}): MemoryServer {
  return new MemoryServer(options);
}

export class MemoryServer {
  readonly lifecycle: 'session' | 'shared';
  /** What it was asked, oldest first. */
  readonly requests: { method: string; params: Readonly<Record<string, unknown>> }[] = [];
  readonly #options: MemoryServerOptions;
  readonly #wires = new Set<MemoryWire>();
  #tools: readonly MemoryTool[];
  #refusal: Error | undefined;

  constructor(options: MemoryServerOptions) {
    this.#options = options;
    this.#tools = options.tools ?? [];
    this.lifecycle = options.lifecycle ?? 'session';
  }

  /** Open connections: the gateway's own probe, and one for each session that has called it. */
  get connections(): number {
    return this.#wires.size;
  }

  /** Replaces the tools and says so on every connection. */
  setTools(tools: readonly MemoryTool[]): void {
    this.#tools = tools;
    this.notify('notifications/tools/list_changed');
  }

  /** A notification on every connection that belongs to no request. */
  notify(method: string, params?: object): void {
    for (const wire of this.#wires) wire.tell(method, params, undefined);
  }

  /** Ends every connection, as a crash would; new ones are refused until `recover`. */
  crash(reason = new Error('the memory server crashed')): void {
    this.#refusal = reason;
    for (const wire of [...this.#wires]) wire.lose(reason);
  }

  recover(): void {
    this.#refusal = undefined;
  }

  /** For the connector. Throws while the server is down. */
  connect(events: WireEvents): MemoryWire {
    if (this.#refusal) throw this.#refusal;
    const wire = new MemoryWire({
      events,
      answer: (asked) => this.#answer(asked),
      closed: () => this.#wires.delete(wire),
    });
    this.#wires.add(wire);
    return wire;
  }

  async #answer(asked: MemoryAsked): Promise<object> {
    const { method, context } = asked;
    const { params } = context;
    this.requests.push({ method, params });
    switch (method) {
      case 'initialize':
        return this.#initialize(params['protocolVersion']);
      case 'ping':
      case 'logging/setLevel':
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return {};
      case 'tools/list':
        return { tools: this.#tools.map(listedTool) };
      case 'tools/call':
        return this.#call(context);
      case 'prompts/list':
        return {
          prompts: (this.#options.prompts ?? []).map(({ name, description }) => ({ name, description })),
        };
      case 'prompts/get':
        return this.#prompt(params);
      case 'resources/list':
        return { resources: (this.#options.resources ?? []).map(({ uri, name }) => ({ uri, name })) };
      case 'resources/read':
        return this.#read(params);
      default:
        throw new RpcFailure(-32601, `Method not found: ${method}`);
    }
  }

  #initialize(protocolVersion: unknown): object {
    const { name = 'memory', instructions, prompts, resources } = this.#options;
    return {
      protocolVersion,
      capabilities: {
        logging: {},
        tools: { listChanged: true },
        ...(prompts ? { prompts: {} } : {}),
        ...(resources ? { resources: { subscribe: true } } : {}),
      },
      serverInfo: { name, version: '0' },
      ...(instructions === undefined ? {} : { instructions }),
    };
  }

  async #call(context: MemoryContext): Promise<object> {
    const { params } = context;
    const tool = this.#tools.find(({ name }) => name === params['name']);
    if (!tool) throw new RpcFailure(-32602, `Unknown tool: ${String(params['name'])}`);
    try {
      const result = await tool.call(argumentsOf(params), context);
      return isObject(result) ? result : { content: [{ type: 'text', text: String(result) }] };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { content: [{ type: 'text', text }], isError: true };
    }
  }

  #prompt(params: MemoryContext['params']): object {
    const prompt = this.#options.prompts?.find(({ name }) => name === params['name']);
    if (!prompt) throw new RpcFailure(-32602, `Unknown prompt: ${String(params['name'])}`);
    const text = prompt.get(argumentsOf(params));
    return { messages: [{ role: 'user', content: { type: 'text', text } }] };
  }

  #read(params: MemoryContext['params']): object {
    const resource = this.#options.resources?.find(({ uri }) => uri === params['uri']);
    if (!resource) throw new RpcFailure(-32602, `Unknown resource: ${String(params['uri'])}`);
    return { contents: [{ uri: resource.uri, mimeType: 'text/plain', text: resource.text }] };
  }
}

/** An error response of the server itself. */
class RpcFailure extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

function listedTool({ name, description, inputSchema, annotations }: MemoryTool): object {
  return { name, description, annotations, inputSchema: inputSchema ?? { type: 'object' } };
}

function argumentsOf(params: MemoryContext['params']): Record<string, unknown> {
  const { arguments: given } = params;
  return isObject(given) ? given : {};
}
