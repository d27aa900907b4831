/** What a server has said of itself, as it spelled it: numbers, escapes and unknown members survive. Pure. */
import { compact, type MemberSpan, members, type NamedSpan } from '../../lib/json-text.ts';
import type { ServerInfo } from './opened.ts';

/** Raw JSON texts without line breaks between tokens. */
export interface OwnWords {
  /** An object. */
  readonly capabilities: Buffer;
  readonly serverInfo: Buffer | undefined;
  /** A string. */
  readonly instructions: Buffer | undefined;
}

const read = new WeakMap<ServerInfo, OwnWords>();

export function ownWords(info: ServerInfo): OwnWords {
  let words = read.get(info);
  if (!words) {
    words = wordsIn(compact(info.raw));
    read.set(info, words);
  }
  return words;
}

const OPEN_BRACE = 0x7b;
const QUOTE = 0x22;
/** Of `null`, which is nothing. */
const LETTER_N = 0x6e;
const NO_CAPABILITIES = Buffer.from('{}');

/** Of the result of initialize or server/discover. */
function wordsIn(raw: Buffer): OwnWords {
  const said = members(raw);
  const capabilities = last(said, 'capabilities');
  const instructions = last(said, 'instructions');
  return {
    capabilities:
      capabilities && raw[capabilities.start] === OPEN_BRACE ? text(raw, capabilities) : NO_CAPABILITIES,
    serverInfo: serverInfoIn(raw, said),
    instructions: instructions && raw[instructions.start] === QUOTE ? text(raw, instructions) : undefined,
  };
}

function serverInfoIn(raw: Buffer, said: readonly NamedSpan[]): Buffer | undefined {
  const meta = last(said, '_meta');
  const inMeta = meta ? members(raw, meta) : [];
  const found = [last(said, 'serverInfo'), last(inMeta, 'io.modelcontextprotocol/serverInfo')].find(
    (span) => span && raw[span.start] !== LETTER_N,
  );
  return found && text(raw, found);
}

/** The one that parsers see. */
function last(said: readonly NamedSpan[], wanted: string): NamedSpan | undefined {
  return said.findLast(({ name }) => name === wanted);
}

function text(raw: Buffer, { start, end }: MemberSpan): Buffer {
  return raw.subarray(start, end);
}
