/**
 * What is refused before the parser sees it. It goes down one level of its stack per bracket, and takes a time that
 * grows faster than the text where brackets are left open.
 */
import { LIMITS } from '../../core/limits.ts';
import { ExprError } from '../expression.ts';

const BRACKETS = LIMITS.expressionDepth.value / 4;

/** A string literal (with or without prefix, triple or not), a comment, or one bracket. */
const TOKEN =
  /[bB]?[rR](?:"""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n]*"|'[^'\n]*')|"""(?:[^\\]|\\[\s\S])*?"""|'''(?:[^\\]|\\[\s\S])*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\/.*|[()[\]{}]/g;

export function checkBounds(source: string): void {
  const { value } = LIMITS.expressionSource;
  if (Buffer.byteLength(source) > value) {
    throw new ExprError('CONFIG_INVALID', `the expression has more than ${value} bytes`, {
      offset: 0,
      length: source.length,
    });
  }
  if (source.trim() === '')
    throw new ExprError('CONFIG_INVALID', 'the expression is empty', { offset: 0, length: source.length });
  let depth = 0;
  for (const { 0: token, index: offset } of source.matchAll(TOKEN)) {
    if (')]}'.includes(token)) depth -= 1;
    else if ('([{'.includes(token)) depth += 1;
    if (depth > BRACKETS) {
      throw new ExprError('CONFIG_INVALID', `brackets are nested more than ${BRACKETS} deep`, {
        offset,
        length: 1,
      });
    }
  }
}
