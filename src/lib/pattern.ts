/** Patterns as configurations write them: `*` stands for any run of characters. */

/** Linear in the length of the text however many stars the pattern has. */
export function matchesPattern(text: string, pattern: string): boolean {
  const parts = pattern.split('*');
  const head = parts[0] as string;
  if (parts.length === 1) return text === pattern;
  if (!text.startsWith(head)) return false;
  const tail = parts[parts.length - 1] as string;
  let at = head.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - tail.length >= at && text.endsWith(tail);
}
