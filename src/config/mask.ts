/**
 * A configuration as an excerpt may show it: secrets blanked out character by character, so that offsets stay. Better
 * too much than too little: who reads the excerpt has the file.
 */
import { isSecretName, redactArgument } from '../lib/secrets.ts';
import { closest } from '../lib/suggest.ts';
import type { Range, Spot } from './spot.ts';

/** What a secret is called here. `jwks` holds public keys; whoever pastes another file there shows a private one. */
const NAMES = ['key', 'token', 'secret', 'password', 'passwd', 'credential', 'authorization', 'jwks'];
const SECRET_NAME = new RegExp(`(?:${NAMES.join('|')})s?$`, 'i');
/** Whose misspellings hold secrets as well. */
const WORDS = [...NAMES, 'keys', 'apiKey', 'clientSecret', 'htpasswd', 'credentials'];
const REFERENCE = /^["']?\$\{?\w+(?::-)?\}?["']?$/;
/** The key of an entry, and what stands before its value; JSON needs no blank behind the colon. */
const KEY = /["']([\w.-]+)["']\s*:\s*|([\w.-]+)\s*:\s+/.source;
const ENTRY = new RegExp(`^\\s*(?:- +)*(?:${KEY})(?=\\S)`);
/** Inside of a line. */
const INLINE = new RegExp(`[{,]\\s*(?:${KEY})(?=\\S)`, 'g');
/** A key without its value, or with the mark of a text that begins below. */
const OPENING = /^\s*(?:- +)*["']?([\w.-]+)["']?\s*:\s*(?:[|>][-+0-9]*)?\s*$/;
/** A line of a key in PEM, or a token by itself. */
const BARE = /^\s*(?:- +)?[A-Za-z0-9+/=_.-]{20,}\s*$/;
/** Under names of secrets, and none: expressions, and what is known of whoever has a key. By the path, each name on its line. */
const PLAIN = [
  /\n(?:localRateLimit|concurrencyLimit|remoteRateLimit)(?:\n(?:conditional|descriptors|entries|\d+))*\nkey$/,
  /^\ntests\n\d+\nas\napiKey$/,
];
/** Within the key that it belongs to. */
const METADATA = /^(.*\napiKey)\nkeys\n\d+\nmetadata$/s;

/** `text` without what stands under names that sound secret, and without what looks like a secret. */
export function maskSecrets(text: string, root: Spot): string {
  const parts: string[] = [];
  let done = 0;
  for (const { start, end } of secrets(text, root, { path: '', under: undefined }).sort(
    (one, other) => one.start - other.start,
  )) {
    const value = text.slice(start, end);
    if (start < done || REFERENCE.test(value)) continue;
    parts.push(text.slice(done, start), blank(value));
    done = end;
  }
  return parts.join('') + text.slice(done);
}

/** The same where the text could not be parsed, line by line. */
export function maskLines(text: string): string {
  let below = false;
  return text
    .split('\n')
    .map((line) => {
      const opening = OPENING.exec(line);
      if (opening) {
        below = holdsSecret(opening[1] as string);
        return line;
      }
      const entry = ENTRY.exec(line);
      if (entry) below = holdsSecret(nameOf(entry));
      if (below) return entry ? behindHead(line, entry) : blank(line);
      return BARE.test(line) ? blank(line) : maskedLine(line);
    })
    .join('\n');
}

function maskedLine(line: string): string {
  for (const entry of line.matchAll(INLINE)) if (holdsSecret(nameOf(entry))) return behindHead(line, entry);
  return looksSecret(line, undefined) ? blank(line) : line;
}

function nameOf([, quoted, plain]: RegExpMatchArray): string {
  return quoted ?? plain ?? '';
}

/** The line with everything behind the key blanked, unless that is a variable. */
function behindHead(line: string, { index = 0, 0: head }: RegExpMatchArray): string {
  const at = index + head.length;
  const rest = line.slice(at);
  return REFERENCE.test(rest.trim()) ? line : line.slice(0, at) + blank(rest);
}

interface Place {
  readonly path: string;
  /** The path of what it stands under that sounds secret. */
  readonly under: string | undefined;
}

function secrets(text: string, spot: Spot, place: Place): Range[] {
  const inside = place.under !== undefined;
  if (spot.scalar) return inside || looksSecret(content(text, spot), undefined) ? [spot] : [];
  let before: string | undefined;
  return [...spot.children].flatMap(([name, child]) => {
    const path = `${place.path}\n${name}`;
    const named = typeof name === 'string' ? namesSecret(name, path, { text, spot: child }) : behind(before);
    before = typeof name === 'number' && child.scalar ? content(text, child) : undefined;
    const metadata = inside && METADATA.exec(path)?.[1] === place.under;
    return secrets(text, child, {
      path,
      under: metadata ? undefined : (place.under ?? (named ? path : undefined)),
    });
  });
}

function namesSecret(name: string, path: string, { text, spot }: { text: string; spot: Spot }): boolean {
  return holdsSecret(name) && !isPlain(name, text, spot) && !PLAIN.some((plain) => plain.test(path));
}

function holdsSecret(name: string): boolean {
  return SECRET_NAME.test(name) || name === 'env' || isSecretName(name) || closest(name, WORDS) !== undefined;
}

/** An item of a list behind `--token`. */
function behind(before: string | undefined): boolean {
  return before !== undefined && looksSecret('x', before);
}

function looksSecret(item: string, before: string | undefined): boolean {
  return redactArgument(item, before) !== item;
}

function content(text: string, { start, end }: Range): string {
  return text.slice(start, end).replace(/^["']|["']$/g, '');
}

/** `authorization` is a header with a secret, and a policy with rules that people want to see; `maxTokens: 5` counts. */
function isPlain(name: string, text: string, spot: Spot): boolean {
  return (
    spot.children.has('rules') ||
    (/tokens$/i.test(name) && /^\d{1,15}$/.test(text.slice(spot.start, spot.end)))
  );
}

function blank(text: string): string {
  return text.replace(/\S/g, '*');
}
