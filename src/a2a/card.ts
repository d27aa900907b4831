/**
 * An agent's card with the addresses of the gateway in it. All else stays byte for byte, except signatures: they are
 * over the whole card, so a changed one would fail where it is checked. Pure.
 */
import { type Edit, elements, members, quote, type Span, splice, without } from '../lib/json-text.ts';
import { folded } from './request.ts';

export type UrlOf = (url: string) => string;

const QUOTE = 0x22;

/** The card at `span` of `bytes`. Throws JsonSyntaxError where it is broken. */
export function rewriteCard(bytes: Buffer, urlOf: UrlOf): Buffer {
  return splice(bytes, cardEdits(bytes, { start: 0, end: bytes.length }, urlOf));
}

/** The same for a card that is the result in an answer of JSON-RPC. */
export function rewriteCardResult(bytes: Buffer, urlOf: UrlOf): Buffer {
  const results = members(bytes).filter(({ name }) => name === 'result');
  return splice(
    bytes,
    results.flatMap((span) => cardEdits(bytes, span, urlOf)),
  );
}

function cardEdits(bytes: Buffer, span: Span, urlOf: UrlOf): Edit[] {
  const edits: Edit[] = [];
  const found = members(bytes, span);
  for (const member of found) {
    switch (folded(member.name)) {
      case 'url':
        edits.push(...urlEdit(bytes, member, urlOf));
        break;
      case 'additionalinterfaces':
      case 'supportedinterfaces':
        edits.push(...interfaceEdits(bytes, member, urlOf));
        break;
    }
  }
  const signatures = found.filter(({ name }) => folded(name) === 'signatures');
  return [...edits, ...without(bytes, signatures)].sort((a, b) => a.start - b.start);
}

function interfaceEdits(bytes: Buffer, { start, end }: Span, urlOf: UrlOf): Edit[] {
  const spans = elements(bytes, start, end);
  const edits: Edit[] = [];
  for (let at = 0; at < spans.length; at += 2) {
    const each = { start: spans[at] as number, end: spans[at + 1] as number };
    for (const member of members(bytes, each))
      if (folded(member.name) === 'url') edits.push(...urlEdit(bytes, member, urlOf));
  }
  return edits;
}

function urlEdit(bytes: Buffer, { start, end }: Span, urlOf: UrlOf): Edit[] {
  if (bytes[start] !== QUOTE) return [];
  const url = JSON.parse(bytes.toString('utf8', start, end)) as string;
  const ours = urlOf(url);
  return ours === url ? [] : [{ start, end, with: quote(ours) }];
}
