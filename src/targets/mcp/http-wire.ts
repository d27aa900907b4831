/**
 * A wire over streamable HTTP: each message is a POST, its answer JSON or an event stream; a GET stream carries what
 * belongs to no request. An answer stream that breaks off is resumed where the server allows it.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Timer } from '../../core/ports.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { Outgoing, Wire } from '../../mcp/definition.ts';
import { postHeaders, type RemoteWireOptions } from '../../mcp/remote/connector.ts';
import type { StreamEnd } from '../../mcp/remote/event-reader.ts';
import { readRefusal } from '../../mcp/remote/refusal.ts';
import type { UpstreamReply } from '../../upstream/http.ts';
import { replyHeader } from '../../upstream/http.ts';
import { answerKind, DONE, readJson, readStream, refused } from './answers.ts';

interface ListenFrom {
  readonly lastId: string | undefined;
  readonly failures: number;
  /** There has been a stream. */
  readonly opened: boolean;
  /** The server has answered the first GET. */
  readonly heard: () => void;
}

const DEFAULT_RETRY_MS = 1000;
/** `retry: 0` must not become a loop without a pause. */
const MIN_RETRY_MS = 250;
const MAX_RETRY_MS = 30_000;
/** Tries to resume one answer stream without a single event in between. */
const MAX_RESUMES = 5;

export class HttpWire implements Wire {
  readonly relates = true;
  readonly #options: RemoteWireOptions;
  readonly #path: string;
  readonly #ended = new Cancel();
  #session: string | undefined;
  #version: string | undefined;
  #client: readonly string[];
  #common: readonly string[];
  #listening: Cancel | undefined;
  #heard: Promise<void> = Promise.resolve();
  #listenTimer: Timer | undefined;

  constructor(options: RemoteWireOptions) {
    this.#options = options;
    this.#path = options.url.pathname + options.url.search;
    this.#client = options.headers;
    this.#common = this.#commonHeaders();
  }

  agreed(protocolVersion: string): void {
    this.#version = protocolVersion;
    this.#common = this.#commonHeaders();
  }

  show(headers: readonly string[]): void {
    this.#client = headers;
    this.#common = this.#commonHeaders();
  }

  send(message: Buffer, outgoing: Outgoing): Promise<void> {
    const common = outgoing.client ? this.#commonHeaders(outgoing.client) : this.#common;
    const headers = outgoing.headers ? [...common, ...outgoing.headers] : common;
    const request = { method: 'POST', path: this.#path, headers, body: message, cancel: outgoing.cancel };
    return this.#options.upstream.request(request).then((reply) => this.#answered(reply, outgoing));
  }

  #answered(reply: UpstreamReply, outgoing: Outgoing): Promise<void> | undefined {
    if (outgoing.method === 'initialize') this.#keepSession(reply);
    const kind = answerKind(reply, outgoing);
    if (kind === 'json') return readJson(reply, outgoing, this.#options);
    if (kind === 'stream') return this.#stream(reply, outgoing);
    if (kind === 'refused') return this.#refused(reply, outgoing);
    reply.body.cancel(DONE);
    return undefined;
  }

  listen(): Promise<void> {
    if (this.#ended.cancelled) return Promise.resolve();
    if (this.#listening) return this.#heard;
    const child = this.#ended.child();
    const { cancel } = child;
    // Clients come and go many times while a wire lives.
    cancel.onCancel(child.forget);
    this.#listening = cancel;
    this.#heard = new Promise((resolve) => {
      void this.#listenOnce(cancel, { lastId: undefined, failures: 0, opened: false, heard: resolve });
    });
    return this.#heard;
  }

  unlisten(): void {
    this.#listenTimer?.cancel();
    this.#listening?.cancel(DONE);
    this.#listening = undefined;
  }

  /** Ends the upstream session, so that a server does not keep it for a client that is gone. */
  async close(): Promise<void> {
    if (this.#ended.cancelled) return;
    this.unlisten();
    this.#ended.cancel(new GatewayError('UPSTREAM_CLOSED', 'the gateway closed the upstream session'));
    if (this.#session === undefined) return;
    const request = {
      method: 'DELETE',
      path: this.#path,
      headers: this.#common,
      body: undefined,
      headersTimeoutMs: 5000,
    };
    this.#session = undefined;
    await this.#options.upstream.request(request).then(
      (reply) => reply.body.cancel(DONE),
      () => undefined,
    );
  }

  #commonHeaders(client = this.#client): readonly string[] {
    const headers = postHeaders(this.#options.fixed, client);
    if (this.#session !== undefined) headers.push('mcp-session-id', this.#session);
    if (this.#version !== undefined) headers.push('mcp-protocol-version', this.#version);
    return headers;
  }

  #keepSession(reply: UpstreamReply): void {
    this.#session = replyHeader(reply, 'mcp-session-id');
    this.#common = this.#commonHeaders();
  }

  /** 404 to a request of a session means that the server has forgotten the session (and has done nothing). */
  async #refused(reply: UpstreamReply, outgoing: Outgoing): Promise<void> {
    const said = await readRefusal(reply);
    if (this.#session !== undefined && isForgotten(reply.status, said)) {
      throw new GatewayError('UPSTREAM_SESSION_LOST', 'the upstream no longer knows the session');
    }
    refused(reply, { outgoing, said, events: this.#options.events });
  }

  async #stream(reply: UpstreamReply, outgoing: Outgoing): Promise<void> {
    let end = await readStream(reply, outgoing.request, this.#options);
    for (let tries = 0; !end.answered && end.lastId !== undefined && tries < MAX_RESUMES; tries += 1) {
      if (outgoing.cancel?.cancelled || this.#ended.cancelled) return;
      const retryMs = retryAfter(end);
      if (!end.error && outgoing.request !== undefined)
        this.#options.events.paused?.(outgoing.request, retryMs);
      if (!(await this.#pause(retryMs, outgoing.cancel))) return;
      const next = await this.#resume(end.lastId, outgoing);
      if (!next) break;
      if (next.lastId !== undefined && next.lastId !== end.lastId) tries = 0;
      end = { ...next, lastId: next.lastId ?? end.lastId, retryMs: next.retryMs ?? end.retryMs };
    }
    if (!end.answered && end.error) throw end.error;
  }

  async #resume(lastId: string, outgoing: Outgoing): Promise<StreamEnd | undefined> {
    const reply = await this.#options.upstream
      .request({ ...this.#getRequest(lastId), cancel: outgoing.cancel })
      .catch(() => undefined);
    if (!reply) return { answered: false, lastId, retryMs: undefined, error: undefined };
    if (reply.status === 200) return readStream(reply, outgoing.request, this.#options);
    reply.body.cancel(DONE);
    return undefined;
  }

  #getRequest(lastId: string | undefined) {
    const headers = this.#common.filter(
      (_, index) =>
        this.#common[index - (index % 2)] !== 'content-type' &&
        this.#common[index - (index % 2)] !== 'accept',
    );
    const resumed = lastId === undefined ? headers : [...headers, 'last-event-id', lastId];
    return {
      method: 'GET',
      path: this.#path,
      headers: ['accept', 'text/event-stream', ...resumed],
      body: undefined,
      long: true,
    };
  }

  /**
   * The listening stream, opened again for as long as somebody listens. A server without one says 405, or 404, and
   * that is that; 404 where there has been one means that the server has forgotten the session.
   */
  async #listenOnce(cancel: Cancel, from: ListenFrom): Promise<void> {
    const { clock, events, upstream } = this.#options;
    let end: StreamEnd = { answered: false, lastId: from.lastId, retryMs: undefined, error: undefined };
    let { failures, opened } = from;
    try {
      const reply = await upstream.request({ ...this.#getRequest(from.lastId), cancel });
      from.heard();
      if (reply.status !== 200) {
        reply.body.cancel(DONE);
        if (reply.status === 404 && from.opened) this.#lost();
        if (reply.status < 500 || reply.status === 501) return;
        throw new GatewayError('UPSTREAM_STATUS', `HTTP ${reply.status}`);
      }
      opened = true;
      const since = clock.monotonic();
      let silent = true;
      const message = (data: Buffer): void => {
        silent = false;
        events.message(data, undefined);
      };
      end = await readStream(reply, undefined, { ...this.#options, message });
      // One that was open for long is an idle stream that somebody cut; a short one is worth no hurry.
      failures = silent && clock.monotonic() - since < MAX_RETRY_MS ? failures + 1 : 0;
    } catch {
      from.heard();
      failures += 1;
    }
    if (cancel.cancelled) return;
    const wait = retryAfter(end, failures);
    const next = { ...from, lastId: end.lastId ?? from.lastId, failures, opened };
    this.#listenTimer = clock.after(wait, () => void this.#listenOnce(cancel, next));
  }

  #lost(): void {
    this.#session = undefined;
    // Not UPSTREAM_SESSION_LOST: that says of a call that it was not carried out, which nobody knows of those in flight.
    this.#options.events.closed(
      new GatewayError('UPSTREAM_CLOSED', 'the upstream no longer knows the session'),
    );
  }

  /** False: the wire or the call has ended in the meantime, and there is nothing left to wait for. */
  #pause(ms: number, cancel: Cancel | undefined): Promise<boolean> {
    const owners = cancel ? [this.#ended, cancel] : [this.#ended];
    if (owners.some(({ cancelled }) => cancelled)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const over = (rested: boolean): void => {
        timer.cancel();
        for (const forget of ties) forget();
        resolve(rested);
      };
      const timer = this.#options.clock.after(ms, () => over(true));
      const ties = owners.map((owner) => owner.onCancel(() => over(false)));
    });
  }
}

/** What the server asked for, within reason, and longer after each failure. */
function retryAfter({ retryMs = DEFAULT_RETRY_MS }: StreamEnd, failures = 0): number {
  return Math.min(Math.max(retryMs, MIN_RETRY_MS) * 2 ** Math.min(failures, 5), MAX_RETRY_MS);
}

/**
 * 404 by the specification. Servers made after the official SDK's examples say 400 with "No valid session ID"
 * instead (server-everything does), and would never be asked for another session.
 */
function isForgotten(status: number, body: Buffer): boolean {
  return status === 404 || (status === 400 && /\bsession\b/i.test(body.subarray(0, 1000).toString('latin1')));
}
