/**
 * Regular expressions of rules. One covers the whole text: `/public` must not let `/public-not` or `/x/public`
 * through. A leading `(?i)`, which the Rust gateway's expressions may have, becomes the flag it stands for.
 */
export function wholeRegExp(source: string): RegExp {
  const insensitive = source.startsWith('(?i)');
  const body = insensitive ? source.slice(4) : source;
  const flags = insensitive ? 'is' : 's';
  // By itself first: `a)|(?:b` is balanced only by the group around it, and would then match more than a whole text.
  new RegExp(body, flags);
  return new RegExp(`^(?:${body})$`, flags);
}
