/**
 * The server name in the first message of a TLS connection (RFC 8446 section 4.1.2, RFC 6066 section 3), read before
 * anybody answers: settings, client certificates and whether TLS ends here at all depend on it. Strict: what two
 * readers could read differently is no hello.
 */

export type HelloReading =
  | { readonly kind: 'hello'; readonly serverName: string | undefined }
  /** `need`: how many bytes there must be before reading again is of any use. */
  | { readonly kind: 'more'; readonly need: number }
  | { readonly kind: 'invalid'; readonly reason: string };

/** First byte of a TLS connection. No HTTP method begins with it. */
export const HANDSHAKE = 0x16;

const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const MAX_RECORD = 16 * 1024;

/** `bytes` are all that has come so far; `limit` is for the whole message. */
export function readClientHello(bytes: Buffer, limit: number): HelloReading {
  const pieces: Buffer[] = [];
  let have = 0;
  for (let at = 0; ; ) {
    if (bytes.length < at + RECORD_HEADER) return { kind: 'more', need: at + RECORD_HEADER };
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3) return invalid('not a TLS handshake');
    if (length === 0 || length > MAX_RECORD) return invalid('a TLS record of a wrong size');
    const end = at + RECORD_HEADER + length;
    pieces.push(bytes.subarray(at + RECORD_HEADER, end));
    have += Math.min(length, bytes.length - at - RECORD_HEADER);
    const message = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
    if (have >= MESSAGE_HEADER) {
      if (message[0] !== CLIENT_HELLO) return invalid('TLS does not begin with a hello');
      const size = message.readUIntBE(1, 3);
      if (size > limit) return invalid(`a hello of more than ${limit} bytes`);
      if (have >= MESSAGE_HEADER + size)
        return fromMessage(message.subarray(MESSAGE_HEADER, MESSAGE_HEADER + size));
    }
    if (bytes.length < end) return { kind: 'more', need: end };
    at = end;
  }
}

function fromMessage(message: Buffer): HelloReading {
  const reader = new Reader(message);
  try {
    reader.skip(2 + 32);
    reader.vector(1);
    reader.vector(2);
    reader.vector(1);
    // Without extensions a hello is as old as TLS 1.1.
    const extensions = reader.left === 0 ? undefined : reader.vector(2);
    reader.end();
    return { kind: 'hello', serverName: extensions && serverNameIn(extensions) };
  } catch (error) {
    if (error instanceof Malformed) return invalid('a malformed hello');
    throw error;
  }
}

function serverNameIn(extensions: Reader): string | undefined {
  const seen = new Set<number>();
  let name: string | undefined;
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (seen.has(type)) throw new Malformed();
    seen.add(type);
    if (type === SERVER_NAME) name = hostName(data);
  }
  return name;
}

/** One name of the one type there is; lower-case, without a final dot. */
function hostName(data: Reader): string {
  const list = data.vector(2);
  data.end();
  const type = list.number(1);
  const name = list.vector(2).text();
  list.end();
  if (type !== HOST_NAME || !/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/.test(name)) throw new Malformed();
  return name.toLowerCase().replace(/\.$/, '');
}

class Malformed extends Error {}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  skip(count: number): Buffer {
    if (this.left < count) throw new Malformed();
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  number(width: number): number {
    return this.skip(width).readUIntBE(0, width);
  }

  /** What follows its own length. */
  vector(width: number): Reader {
    return new Reader(this.skip(this.number(width)));
  }

  text(): string {
    return this.#bytes.toString('latin1');
  }

  end(): void {
    if (this.left > 0) throw new Malformed();
  }
}

function invalid(reason: string): HelloReading {
  return { kind: 'invalid', reason };
}
