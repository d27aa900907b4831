/**
 * A wire over the old HTTP+SSE transport: one stream carries everything from the server, which names the address for
 * our POSTs in its first event. When the stream is lost, so is the session.
 */
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { Flow } from '../../lib/flow.ts';
import { SseLimitError, SseParser } from '../../lib/sse.ts';
import type { Outgoing, Wire } from '../definition.ts';
import { clientHeaders, postHeaders, type RemoteWireOptions } from './connector.ts';
import { readRefusal, refusal } from './refusal.ts';

const DONE = new GatewayError('CANCELLED', 'not needed');

/** Opens the stream and waits for the address to post to. */
export async function openSseWire(options: RemoteWireOptions, cancel: Cancel): Promise<Wire> {
  const { upstream, url, fixed } = options;
  const headers = clientHeaders(fixed, options.headers);
  const ended = new Cancel();
  const forget = cancel.onCancel((reason) => ended.cancel(reason));
  try {
    const path = url.pathname + url.search;
    const accept = ['accept', 'text/event-stream', ...headers];
    const reply = await upstream.request({
      method: 'GET',
      path,
      headers: accept,
      body: undefined,
      long: true,
      cancel: ended,
    });
    if (reply.status !== 200) throw refusal(reply, await readRefusal(reply));
    const wire = new SseWire(options, ended);
    await wire.start(reply.body);
    return wire;
  } catch (error) {
    ended.cancel(DONE);
    throw error;
  } finally {
    forget();
  }
}

class SseWire implements Wire {
  readonly relates = false;
  readonly #options: RemoteWireOptions;
  readonly #ended: Cancel;
  #postPath: string | undefined;
  #version: string | undefined;
  #client: readonly string[];

  constructor(options: RemoteWireOptions, ended: Cancel) {
    this.#options = options;
    this.#ended = ended;
    this.#client = options.headers;
  }

  show(headers: readonly string[]): void {
    this.#client = headers;
  }

  agreed(protocolVersion: string): void {
    this.#version = protocolVersion;
  }

  /** Reads the stream; resolves when its `endpoint` event has come. */
  start(body: Flow): Promise<void> {
    return new Promise((resolve, reject) => {
      const forget = this.#ended.onCancel(reject);
      const parser = new SseParser(
        {
          event: ({ event, data }) => {
            if (event === 'endpoint') {
              const error = this.#endpoint(data.toString('utf8'));
              forget();
              if (error) reject(error);
              else resolve();
            } else if (event === 'message' && data.length > 0) this.#options.events.message(data, undefined);
          },
        },
        { maxEventBytes: this.#options.maxMessage },
      );
      const lost = (error: Error): void => {
        reject(error);
        if (this.#ended.cancelled) return;
        // First, because it ends the stream, which comes back here.
        this.#ended.cancel(error);
        this.#options.events.closed(error);
      };
      body.to({
        data: (chunk) => this.#push(parser, chunk, lost),
        end: () => lost(new GatewayError('UPSTREAM_CLOSED', 'the upstream ended its event stream')),
        fail: lost,
      });
    });
  }

  async send(message: Buffer, outgoing: Outgoing): Promise<void> {
    const { upstream, fixed } = this.#options;
    const all = postHeaders(fixed, outgoing.client ?? this.#client);
    if (this.#version !== undefined) all.push('mcp-protocol-version', this.#version);
    if (outgoing.headers) all.push(...outgoing.headers);
    const path = this.#postPath as string;
    const reply = await upstream.request({
      method: 'POST',
      path,
      headers: all,
      body: message,
      cancel: outgoing.cancel,
    });
    if (reply.status >= 200 && reply.status < 300) return reply.body.cancel(DONE);
    const said = await readRefusal(reply);
    if (reply.status === 404)
      throw new GatewayError('UPSTREAM_SESSION_LOST', 'the upstream no longer knows the session');
    throw refusal(reply, said);
  }

  close(): void {
    this.#ended.cancel(DONE);
  }

  #push(parser: SseParser, chunk: Buffer, lost: (error: Error) => void): void {
    try {
      parser.push(chunk);
    } catch (error) {
      if (!(error instanceof SseLimitError)) throw error;
      const message = `an event of the upstream is longer than ${error.limit} bytes`;
      lost(new GatewayError('UPSTREAM_MESSAGE_TOO_LARGE', message));
    }
  }

  /** The address must be of the same origin: a server must not make us post our headers somewhere else. */
  #endpoint(text: string): GatewayError | undefined {
    const { url } = this.#options;
    if (!URL.canParse(text, url.href))
      return new GatewayError('UPSTREAM_PROTOCOL', 'the upstream named an endpoint that is not a URL');
    const endpoint = new URL(text, url);
    if (endpoint.origin !== url.origin) {
      return new GatewayError(
        'UPSTREAM_PROTOCOL',
        `the upstream named an endpoint of another origin: ${endpoint.origin}`,
      );
    }
    this.#postPath = endpoint.pathname + endpoint.search;
    return undefined;
  }
}
