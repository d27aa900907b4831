/**
 * What a modern request says of its client: the reserved members of `params._meta` (revision 2026-07-28). Reads and
 * writes them; whether the revision is one we speak, and whether headers agree, is the front's to judge.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { quote } from '../../lib/json-text.ts';
import { LEVELS } from '../levels.ts';
import { type Message, SLOT } from '../message.ts';

/** Raw JSON texts where not said otherwise. */
export interface Envelope {
  /** Decoded. */
  readonly version: string;
  /** An object. */
  readonly capabilities: Buffer;
  readonly info: Buffer | undefined;
  /** Decoded; undefined: the client wants no log messages of this call. */
  readonly logLevel: string | undefined;
}

const PREFIX = 'io.modelcontextprotocol/';
const VERSION = `${PREFIX}protocolVersion`;
const INFO = `${PREFIX}clientInfo`;
const CAPABILITIES = `${PREFIX}clientCapabilities`;
const LOG_LEVEL = `${PREFIX}logLevel`;

/** Slot and name of each member. */
export const ENVELOPE_MEMBERS: readonly (readonly [number, string])[] = [
  [SLOT.metaVersion, VERSION],
  [SLOT.metaInfo, INFO],
  [SLOT.metaCapabilities, CAPABILITIES],
  [SLOT.metaLogLevel, LOG_LEVEL],
];

const OPEN_BRACE = 0x7b;
const LIMIT = LIMITS.clientIdentity.value;

/** Throws INVALID_PARAMS that names every member that is missing or wrong. */
export function readEnvelope(message: Message): Envelope {
  const { text } = message;
  const version = text.text(SLOT.metaVersion);
  const logLevel = text.text(SLOT.metaLogLevel);
  const faults: string[] = [];
  if (version === undefined) faults.push(`"${VERSION}" must be a string`);
  if (text.first(SLOT.metaCapabilities) !== OPEN_BRACE) faults.push(`"${CAPABILITIES}" must be an object`);
  if (text.has(SLOT.metaInfo) && text.first(SLOT.metaInfo) !== OPEN_BRACE)
    faults.push(`"${INFO}" must be an object`);
  if (text.has(SLOT.metaLogLevel) && (logLevel === undefined || !LEVELS.includes(logLevel)))
    faults.push(`"${LOG_LEVEL}" must be one of ${LEVELS.join(', ')}`);
  for (const [slot, name] of ENVELOPE_MEMBERS) {
    if (text.endOf(slot) - text.startOf(slot) > LIMIT) faults.push(`"${name}" is longer than ${LIMIT} bytes`);
  }
  if (version === undefined || faults.length > 0)
    throw new GatewayError('INVALID_PARAMS', `${message.method}: in params._meta, ${faults.join('; ')}`);
  const info = text.has(SLOT.metaInfo) ? own(message, SLOT.metaInfo) : undefined;
  return { version, capabilities: own(message, SLOT.metaCapabilities), info, logLevel };
}

/** Whoever keeps an envelope must not keep a large message with it. */
function own({ text }: Message, slot: number): Buffer {
  const raw = text.raw(slot);
  return text.bytes.length > LIMIT ? Buffer.from(raw) : raw;
}

const TEXTS = new WeakMap<Envelope, Buffer>();

/**
 * The members as JSON text, with commas between them. Remembered: a legacy client's session has one envelope for all its
 * calls.
 */
export function envelopeText(envelope: Envelope): Buffer {
  let text = TEXTS.get(envelope);
  if (!text) {
    text = written(envelope);
    TEXTS.set(envelope, text);
  }
  return text;
}

function written({ version, capabilities, info, logLevel }: Envelope): Buffer {
  const pieces = [`"${VERSION}":`, quote(version), `,"${CAPABILITIES}":`, capabilities];
  if (info) pieces.push(`,"${INFO}":`, info);
  if (logLevel !== undefined) pieces.push(`,"${LOG_LEVEL}":`, quote(logLevel));
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}
