/**
 * A connection to the MCP server that stands for an API: answers JSON-RPC in the process, and turns tool calls into
 * HTTP requests. One belongs to each session, because requests carry what that client may show; everything else is
 * shared by all of them.
 */
import { type ErrorCode, GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { withoutHeaders } from '../../core/outgoing.ts';
import type { Flow } from '../../lib/flow.ts';
import { errorMessage, resultMessage } from '../../lib/json-rpc.ts';
import { isObject } from '../../lib/json-value.ts';
import type { Outgoing, Wire, WireEvents } from '../../mcp/definition.ts';
import type { Sender } from '../../mcp/remote/credentialed.ts';
import type { Era } from '../../mcp/revisions.ts';
import { parseExact } from '../../openapi/exact-numbers.ts';
import type { ApiRequest } from '../../openapi/request.ts';
import { type ApiReply, isErrorResult, textResult, toolResult } from '../../openapi/result.ts';
import { ArgumentProblem } from '../../openapi/styles.ts';
import { replyHeader, type UpstreamReply } from '../../upstream/http.ts';
import type { Api } from './api.ts';
import type { PreparedTool } from './prepared-tools.ts';
import {
  acknowledgement,
  changeMessage,
  completed,
  discovery,
  introduction,
  listingOf,
  wantsChanges,
} from './words.ts';

export interface ApiWireOptions {
  readonly api: Api;
  readonly sender: Sender;
  /** Credentials written into the URL of the API (flat list). */
  readonly fixed: readonly string[];
  /** The client's own headers where they may travel. */
  readonly headers: readonly string[];
  /** What requests are said to come from, unless something else is said. */
  readonly agent: string;
  readonly events: WireEvents;
  readonly era: Era;
  /** The description is looked at again when the list is read. */
  readonly renews: boolean;
}

interface Listener {
  readonly wanted: boolean;
  readonly end: () => void;
}

type Params = Readonly<Record<string, unknown>>;

const AGENT = 'user-agent';
const EMPTY = Buffer.from('{}');
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;

export class ApiWire implements Wire {
  readonly relates = true;
  readonly cancelsByClosing: boolean;
  readonly #options: ApiWireOptions;
  readonly #forget: () => void;
  /** Modern: by the id of the request that listens. */
  readonly #listeners = new Map<number, Listener>();
  #client: readonly string[];
  #closed = false;

  constructor(options: ApiWireOptions) {
    this.#options = options;
    this.#client = options.headers;
    this.cancelsByClosing = options.era === 'modern';
    this.#forget = options.api.watch(() => this.#changed());
  }

  show(headers: readonly string[]): void {
    this.#client = headers;
  }

  async send(message: Buffer, outgoing: Outgoing): Promise<void> {
    if (this.#closed) throw new GatewayError('UPSTREAM_CLOSED', 'the connection has been closed');
    const { request, method } = outgoing;
    // Notifications: a call is cancelled by `outgoing.cancel`, and nothing else concerns an API.
    if (request === undefined || method === undefined) return;
    if (method === 'subscriptions/listen' && this.#options.era === 'modern')
      return this.#listen(request, paramsOf(message), outgoing);
    const answer = await this.#answer(method, message, outgoing);
    if (this.#closed) return;
    const id = Buffer.from(String(request));
    const bytes = Buffer.isBuffer(answer) ? resultMessage(id, answer) : errorMessage(id, answer);
    this.#options.events.message(bytes, request);
  }

  close(): void {
    this.#closed = true;
    this.#forget();
    for (const { end } of [...this.#listeners.values()]) end();
  }

  #changed(): void {
    const { events, era } = this.#options;
    if (era === 'legacy') events.message(changeMessage(undefined), undefined);
    else for (const [id, { wanted }] of this.#listeners) if (wanted) events.message(changeMessage(id), id);
  }

  /** Open until it is cancelled, or the wire is closed. */
  #listen(request: number, params: Params, { cancel }: Outgoing): Promise<void> {
    const wanted = wantsChanges(params);
    this.#options.events.message(acknowledgement(request, wanted), request);
    return new Promise((resolve) => {
      const end = (): void => {
        this.#listeners.delete(request);
        resolve();
      };
      this.#listeners.set(request, { wanted, end });
      cancel?.onCancel(end);
    });
  }

  async #answer(
    method: string,
    message: Buffer,
    outgoing: Outgoing,
  ): Promise<Buffer | { readonly code: number; readonly message: string }> {
    const { api, renews, era } = this.#options;
    if (method === 'tools/call') {
      const answer = await this.#call(paramsOf(message), outgoing);
      return Buffer.isBuffer(answer) ? completed(answer, era) : answer;
    }
    if (method === 'tools/list') return listingOf(await (renews ? api.renewed() : api.current()), era);
    if (method === 'server/discover' && era === 'modern') return discovery(await api.current());
    if (method === 'initialize' && era === 'legacy')
      return introduction(await api.current(), paramsOf(message));
    if (method === 'ping' && era === 'legacy') return EMPTY;
    noted(outgoing, 'METHOD_NOT_FOUND');
    return { code: METHOD_NOT_FOUND, message: `an API has no ${method}` };
  }

  async #call({ name, arguments: given }: Params, outgoing: Outgoing) {
    const { api } = this.#options;
    const { tools } = api.description ?? (await api.current());
    const tool = typeof name === 'string' ? tools.get(name) : undefined;
    noted(outgoing, tool ? undefined : 'UNKNOWN_ITEM');
    if (!tool) return { code: INVALID_PARAMS, message: `Unknown tool: ${String(name)}` };
    try {
      return await this.#request(tool, tool.build(isObject(given) ? given : {}), outgoing);
    } catch (error) {
      if (error instanceof ArgumentProblem) {
        noted(outgoing, 'INVALID_PARAMS');
        return textResult(error.message, true);
      }
      // With credentials of the gateway a 403 comes as an error; to the caller it is a refusal like any other.
      if (error instanceof GatewayError && error.detail.data?.['upstreamStatus'] === 403) {
        noted(outgoing, 'UPSTREAM_STATUS', 403);
        return textResult(error.message, true);
      }
      throw error;
    }
  }

  async #request(tool: PreparedTool, request: ApiRequest, outgoing: Outgoing): Promise<Buffer> {
    const { sender } = this.#options;
    const { method, path, body } = request;
    const headers = this.#headers(request.headers, outgoing);
    const reply = await sender.request({ method, path, headers, body, cancel: outgoing.cancel });
    const most = LIMITS.apiReply.value;
    const read = wholeUpTo(reply.body, most) ?? (await readUpTo(reply.body, most));
    // Without the host: what the API is called inside is nobody's business.
    const uri = `openapi:${path.split('?', 1)[0]}`;
    const result = toolResult(replyOf(reply, read), { output: tool.output, uri });
    const reason = reply.status >= 400 ? 'UPSTREAM_STATUS' : 'UPSTREAM_PROTOCOL';
    noted(outgoing, isErrorResult(result) ? reason : undefined, reply.status);
    return result;
  }

  /** What the gateway and the client's own login say stands above what an argument says. */
  #headers(own: readonly string[], { client, headers: further }: Outgoing): readonly string[] {
    const { fixed, agent } = this.#options;
    const above = [...fixed, ...(client ?? this.#client), ...(further ?? [])];
    if (above.length === 0) return own.includes(AGENT) ? own : [...own, AGENT, agent];
    const names = above.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    const cookies = [...valuesOf(own, 'cookie'), ...valuesOf(above, 'cookie')];
    const joined = [...withoutHeaders(own, names), ...above];
    if (!names.includes(AGENT) && !own.includes(AGENT)) joined.push(AGENT, agent);
    return cookies.length < 2
      ? joined
      : [...withoutHeaders(joined, ['cookie']), 'cookie', cookies.join('; ')];
  }
}

/** What a result does not say: a tool error of the API looks like one that was made here. */
function noted({ record }: Outgoing, reason: ErrorCode | undefined, status?: number): void {
  if (!record) return;
  record.reason = reason;
  record.upstreamStatus = status;
}

function paramsOf(message: Buffer): Params {
  const parsed = parseExact(message.toString('utf8'));
  const params = isObject(parsed) ? parsed['params'] : undefined;
  return isObject(params) ? params : {};
}

interface Read {
  readonly bytes: Buffer;
  readonly cut: boolean;
}

function replyOf(reply: UpstreamReply, { bytes, cut }: Read): ApiReply {
  const encoding = replyHeader(reply, 'content-encoding');
  return {
    status: reply.status,
    contentType: replyHeader(reply, 'content-type'),
    contentEncoding: encoding === 'identity' ? undefined : encoding,
    location: replyHeader(reply, 'location'),
    retryAfter: replyHeader(reply, 'retry-after'),
    bytes,
    cut,
  };
}

function valuesOf(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2)
    if ((headers[at] as string).toLowerCase() === name) values.push(headers[at + 1] as string);
  return values;
}

const ENOUGH = new GatewayError('CANCELLED', 'the rest of the reply is not needed');

/** A body that is there already, as short ones are. */
function wholeUpTo(body: Flow, limit: number): Read | undefined {
  const bytes = body.whole();
  return bytes && bytes.length <= limit ? { bytes, cut: false } : undefined;
}

/** The beginning of a body; what comes behind it is not fetched. */
function readUpTo(body: Flow, limit: number): Promise<Read> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    body.to({
      data: (chunk) => {
        if (size > limit) return;
        chunks.push(chunk);
        size += chunk.length;
        if (size <= limit) return;
        resolve({ bytes: Buffer.concat(chunks).subarray(0, limit), cut: true });
        body.cancel(ENOUGH);
      },
      end: () => resolve({ bytes: Buffer.concat(chunks), cut: false }),
      fail: reject,
    });
  });
}
