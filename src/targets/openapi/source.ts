/** Where the text of an API description comes from, and when it is worth another look: the configuration, a file, a URL. */
import { readFile, stat } from 'node:fs/promises';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import type { Closable, Lasting, Scope } from '../../core/scope.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { type HttpUpstream, httpUpstream, replyHeader, type UpstreamTls } from '../../upstream/http.ts';

export interface DocumentSource extends Closable {
  /** For messages. */
  readonly place: string;
  /** Undefined: nothing has changed since the last time. Rejects with a GatewayError. */
  read(cancel: Cancel): Promise<string | undefined>;
  /** Calls back when it is worth reading again. Without it somebody has to ask from time to time. */
  watch?(changed: () => void): void;
}

export function inlineSource(text: string): DocumentSource {
  let given = false;
  return {
    place: 'the configuration',
    async read() {
      if (given) return undefined;
      given = true;
      return text;
    },
    close() {},
  };
}

/** Mounts without events, and editors that replace a file, need nothing special where one just looks. */
const LOOK_MS = 2000;

export class FileSource implements DocumentSource {
  readonly place: string;
  readonly #clock: Ports['clock'];
  #stamp: string | undefined;
  #timer: Timer | undefined;

  constructor(path: string, { clock }: Pick<Ports, 'clock'>) {
    this.place = path;
    this.#clock = clock;
  }

  async read(): Promise<string | undefined> {
    try {
      // Before the content: a change during the reading is then seen at the next look.
      const stamp = await stampOf(this.place);
      if (stamp === this.#stamp) return undefined;
      const text = await readFile(this.place, 'utf8');
      this.#stamp = stamp;
      return text;
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'there is no such file' : message;
      throw new GatewayError('UPSTREAM_CONNECT', `cannot read ${this.place}: ${why}`, { cause });
    }
  }

  watch(changed: () => void): void {
    let looked: string | undefined;
    this.#timer ??= this.#clock.every(LOOK_MS, () => {
      stampOf(this.place).then(
        (stamp) => {
          // Also when the last reading failed: each state of the file is told of once.
          if (stamp === this.#stamp || stamp === looked) return;
          looked = stamp;
          changed();
        },
        () => undefined,
      );
    });
  }

  close(): void {
    this.#timer?.cancel();
  }
}

async function stampOf(path: string): Promise<string> {
  const { ino, size, mtimeMs } = await stat(path);
  return `${ino}:${size}:${mtimeMs}`;
}

export interface UrlOptions {
  readonly lasting: Lasting;
  readonly scope: Scope;
  readonly tls?: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
}

const ACCEPT = 'application/vnd.oai.openapi+json, application/json;q=0.9, application/yaml;q=0.8, */*;q=0.5';

export class UrlSource implements DocumentSource {
  readonly place: string;
  readonly #path: string;
  readonly #upstream: HttpUpstream;
  #validators: readonly string[] = [];
  #text: string | undefined;

  constructor(address: string, { lasting, scope, tls, connectTimeoutMs }: UrlOptions) {
    const { origin, protocol, pathname, search } = new URL(address);
    this.place = `${origin}${pathname}`;
    this.#path = `${pathname}${search}`;
    const allowH2 = protocol === 'https:';
    this.#upstream = httpUpstream(lasting, scope, { origin, tls, connectTimeoutMs, allowH2 });
  }

  async read(cancel: Cancel): Promise<string | undefined> {
    const headers = ['accept', ACCEPT, ...this.#validators];
    const request = { method: 'GET', path: this.#path, headers, body: undefined, cancel };
    const reply = await this.#upstream.request(request);
    if (reply.status === 304) {
      reply.body.cancel(NOT_NEEDED);
      return undefined;
    }
    if (reply.status !== 200) {
      reply.body.cancel(NOT_NEEDED);
      // A redirect could lead to an address nobody has agreed to.
      throw new GatewayError('UPSTREAM_STATUS', `${this.place} answered with HTTP ${reply.status}`);
    }
    const text = (await reply.body.collect(LIMITS.apiDocument.value)).toString('utf8');
    this.#validators = validatorsOf(replyHeader(reply, 'etag'), replyHeader(reply, 'last-modified'));
    if (text === this.#text) return undefined;
    this.#text = text;
    return text;
  }

  close(): void {}
}

const NOT_NEEDED = new GatewayError('CANCELLED', 'not needed');

function validatorsOf(etag: string | undefined, modified: string | undefined): readonly string[] {
  if (etag !== undefined) return ['if-none-match', etag];
  return modified === undefined ? [] : ['if-modified-since', modified];
}
