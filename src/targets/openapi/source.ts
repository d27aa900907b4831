/** Where the text of an API description comes from, and when it is worth another look: the configuration, a file, a URL. */
import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { GatewayError } from '../../core/errors.ts';
import { MIB } from '../../core/limits/limit.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import type { Closable, Lasting, Scope } from '../../core/scope.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { FlowLimitError } from '../../lib/flow.ts';
import type { Surroundings } from '../../openapi/bundle.ts';
import {
  type HttpUpstream,
  httpUpstream,
  replyHeader,
  type UpstreamReply,
  type UpstreamTls,
} from '../../upstream/http.ts';

export interface DocumentSource extends Closable {
  /** For messages. */
  readonly place: string;
  /** Undefined: nothing has changed since the last time. Rejects with a GatewayError. */
  read(cancel: Cancel): Promise<Buffer | undefined>;
  /** What was read could not be used: the next reading gives it again. */
  forget(): void;
  /** Calls back when it is worth reading again. Without it somebody has to ask from time to time. */
  watch?(changed: () => void): void;
  /** Other files that the text may refer to; absent: there are none. */
  surroundings?(cancel: Cancel): Surroundings;
}

export function inlineSource(text: string): DocumentSource {
  let given = false;
  return {
    place: 'the configuration',
    async read() {
      if (given) return undefined;
      given = true;
      return Buffer.from(text);
    },
    forget() {
      given = false;
    },
    close() {},
  };
}

/** Mounts without events, and editors that replace a file, need nothing special where one just looks. */
const LOOK_MS = 2000;

export class FileSource implements DocumentSource {
  readonly place: string;
  readonly #clock: Ports['clock'];
  /** Files that were read beside it. */
  readonly #others = new Set<string>();
  #stamp: string | undefined;
  #timer: Timer | undefined;

  constructor(path: string, { clock }: Pick<Ports, 'clock'>) {
    this.place = path;
    this.#clock = clock;
  }

  async read(): Promise<Buffer | undefined> {
    try {
      // Before the content: a change during the reading is then seen at the next look.
      const stamp = await this.#look();
      if (stamp === this.#stamp) return undefined;
      const bytes = await bytesOf(this.place);
      this.#stamp = stamp;
      return bytes;
    } catch (cause) {
      throw cause instanceof GatewayError ? cause : unread(this.place, cause);
    }
  }

  surroundings(): Surroundings {
    return { base: pathToFileURL(resolve(this.place)), read: (address) => this.#other(address) };
  }

  /** From the folder of the description and below, also when links are followed. */
  async #other(address: URL): Promise<string> {
    if (address.protocol !== 'file:')
      throw new GatewayError('CONFIG_INVALID', `${address.href} is not read: the description is a file`);
    const path = fileURLToPath(address);
    try {
      const folder = await realpath(dirname(this.place));
      const real = await realpath(path);
      if (!real.startsWith(folder + sep))
        throw new GatewayError('CONFIG_INVALID', `${path} is not read: it lies outside of ${folder}`);
      const bytes = await bytesOf(real);
      this.#others.add(path);
      this.#stamp = await this.#look();
      return bytes.toString('utf8');
    } catch (cause) {
      throw cause instanceof GatewayError ? cause : unread(path, cause);
    }
  }

  async #look(): Promise<string> {
    const stamps = await Promise.all([this.place, ...this.#others].map(stampOf));
    return stamps.join(' ');
  }

  forget(): void {
    this.#stamp = undefined;
  }

  watch(changed: () => void): void {
    let looked: string | undefined;
    this.#timer ??= this.#clock.every(LOOK_MS, () => {
      // Also when the last reading failed: each state of the file is told of once.
      const seen = (stamp: string): void => {
        if (stamp === this.#stamp || stamp === looked) return;
        looked = stamp;
        changed();
      };
      this.#look().then(seen, () => seen('gone'));
    });
  }

  close(): void {
    this.#timer?.cancel();
  }
}

function unread(path: string, cause: unknown): GatewayError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'there is no such file' : message;
  return new GatewayError('UPSTREAM_CONNECT', `cannot read ${path}: ${why}`, { cause });
}

/** Looks before it reads: a file may be larger than all memory. */
async function bytesOf(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size <= LIMITS.apiDocument.value) return await readFile(path);
  throw tooLong(path);
}

function tooLong(place: string): GatewayError {
  const limit = LIMITS.apiDocument.value / MIB;
  return new GatewayError('CONFIG_INVALID', `${place} is not read: it is longer than ${limit} MiB`);
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
  readonly #address: URL;
  readonly #upstream: HttpUpstream;
  #validators: readonly string[] = [];
  /** Of what was read last: descriptions are large, and this is all that is asked of the one before. */
  #digest: string | undefined;

  constructor(address: string, { lasting, scope, tls, connectTimeoutMs }: UrlOptions) {
    this.#address = new URL(address);
    const { origin, protocol, pathname } = this.#address;
    this.place = `${origin}${pathname}`;
    const allowH2 = protocol === 'https:';
    this.#upstream = httpUpstream(lasting, scope, { origin, tls, connectTimeoutMs, allowH2 });
  }

  async read(cancel: Cancel): Promise<Buffer | undefined> {
    const reply = await this.#get(this.#address, cancel, this.#validators);
    if (reply.status === 304) {
      reply.body.cancel(NOT_NEEDED);
      return undefined;
    }
    const bytes = await contentOf(reply, this.place);
    this.#validators = validatorsOf(replyHeader(reply, 'etag'), replyHeader(reply, 'last-modified'));
    const digest = createHash('sha256').update(bytes).digest('base64');
    if (digest === this.#digest) return undefined;
    this.#digest = digest;
    return bytes;
  }

  forget(): void {
    this.#digest = undefined;
    this.#validators = [];
  }

  surroundings(cancel: Cancel): Surroundings {
    return { base: this.#address, read: (address) => this.#other(address, cancel) };
  }

  /** From its own origin. */
  async #other(address: URL, cancel: Cancel): Promise<string> {
    const { origin, pathname, href } = address;
    if (origin !== this.#address.origin)
      throw new GatewayError(
        'CONFIG_INVALID',
        `${href} is not read: it lies outside of ${this.#address.origin}`,
      );
    const bytes = await contentOf(await this.#get(address, cancel), `${origin}${pathname}`);
    return bytes.toString('utf8');
  }

  #get({ pathname, search }: URL, cancel: Cancel, further: readonly string[] = []): Promise<UpstreamReply> {
    const headers = ['accept', ACCEPT, ...further];
    return this.#upstream.request({
      method: 'GET',
      path: pathname + search,
      headers,
      body: undefined,
      cancel,
    });
  }

  close(): void {}
}

async function contentOf({ status, body }: UpstreamReply, place: string): Promise<Buffer> {
  if (status === 200) {
    try {
      return await body.collect(LIMITS.apiDocument.value);
    } catch (error) {
      throw error instanceof FlowLimitError ? tooLong(place) : error;
    }
  }
  body.cancel(NOT_NEEDED);
  // A redirect could lead to an address nobody has agreed to.
  throw new GatewayError('UPSTREAM_STATUS', `${place} answered with HTTP ${status}`);
}

const NOT_NEEDED = new GatewayError('CANCELLED', 'not needed');

function validatorsOf(etag: string | undefined, modified: string | undefined): readonly string[] {
  if (etag !== undefined) return ['if-none-match', etag];
  return modified === undefined ? [] : ['if-modified-since', modified];
}
