/**
 * A wire over streamable HTTP as revision 2026-07-28 has it: each request is a POST that speaks for itself, its answer
 * JSON or an event stream. No session, no stream beside, no resumption; closing an answer's stream cancels the request.
 */
import { encodeHeaderValue } from '../../mcp/bridge/param-headers.ts';
import type { Outgoing, Wire } from '../../mcp/definition.ts';
import { postHeaders, type RemoteWireOptions } from '../../mcp/remote/connector.ts';
import { readRefusal } from '../../mcp/remote/refusal.ts';
import { MODERN_REVISION } from '../../mcp/revisions.ts';
import type { UpstreamReply } from '../../upstream/http.ts';
import { answerKind, DONE, readJson, readStream, refused } from './answers.ts';

/** Methods whose requests name what they are about in a header too. */
const NAMED: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
]);

/** A stream that may be silent for ever must begin at some time. */
const LONG_HEAD_MS = 30_000;

export class ModernHttpWire implements Wire {
  readonly relates = true;
  readonly cancelsByClosing = true;
  readonly #options: RemoteWireOptions;
  readonly #path: string;
  #common: readonly string[];

  constructor(options: RemoteWireOptions) {
    const { events } = options;
    this.#options = {
      ...options,
      // Without `resumable`: ids of events have no meaning here.
      events: {
        message: (message, origin) => events.message(message, origin),
        closed: (error) => events.closed(error),
      },
    };
    this.#path = options.url.pathname + options.url.search;
    this.#common = this.#commonHeaders(options.headers);
  }

  show(headers: readonly string[]): void {
    this.#common = this.#commonHeaders(headers);
  }

  send(message: Buffer, outgoing: Outgoing): Promise<void> {
    const { method, name, client, cancel, long = false } = outgoing;
    const headers = [...(client ? this.#commonHeaders(client) : this.#common)];
    if (method !== undefined) {
      headers.push('mcp-method', encodeHeaderValue(method));
      if (name !== undefined && NAMED.has(method)) headers.push('mcp-name', encodeHeaderValue(name));
    }
    if (outgoing.headers) headers.push(...outgoing.headers);
    const request = { method: 'POST', path: this.#path, headers, body: message, cancel };
    const patient = long ? { ...request, long, headersTimeoutMs: LONG_HEAD_MS } : request;
    return this.#options.upstream.request(patient).then((reply) => this.#answered(reply, outgoing));
  }

  /** There is nothing to end: the link cancels what is in flight. */
  close(): void {}

  #answered(reply: UpstreamReply, outgoing: Outgoing): Promise<void> | undefined {
    const kind = answerKind(reply, outgoing);
    if (kind === 'json') return readJson(reply, outgoing, this.#options);
    if (kind === 'stream') return this.#stream(reply, outgoing);
    if (kind === 'refused') return this.#refused(reply, outgoing);
    reply.body.cancel(DONE);
    return undefined;
  }

  async #stream(reply: UpstreamReply, outgoing: Outgoing): Promise<void> {
    const { answered, error } = await readStream(reply, outgoing.request, this.#options);
    if (!answered && error) throw error;
  }

  async #refused(reply: UpstreamReply, outgoing: Outgoing): Promise<void> {
    refused(reply, { outgoing, said: await readRefusal(reply), events: this.#options.events });
  }

  #commonHeaders(client: readonly string[]): readonly string[] {
    return [...postHeaders(this.#options.fixed, client), 'mcp-protocol-version', MODERN_REVISION];
  }
}
