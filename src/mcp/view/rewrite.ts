/**
 * Puts exposed URIs into results that carry resources: the only results that are scanned, and only where a view
 * gives URIs a prefix. Everything around the URIs stays as it was.
 */
import { type Edit, elements, JsonSyntaxError, lex, quote, Shape, splice } from '../../lib/json-text.ts';
import { exposeUri } from './naming.ts';

const RESULT = new Shape({ content: true, contents: true, messages: true });
const CONTENT = RESULT.slot('content');
const CONTENTS = RESULT.slot('contents');
const MESSAGES = RESULT.slot('messages');

const BLOCK = new Shape({
  uri: true,
  resource: { uri: true },
  content: { uri: true, resource: { uri: true } },
});
const BLOCK_URIS = [
  BLOCK.slot('uri'),
  BLOCK.slot('resource', 'uri'),
  BLOCK.slot('content', 'uri'),
  BLOCK.slot('content', 'resource', 'uri'),
];

const QUOTE = 0x22;

/** tools/call `content[]`, resources/read `contents[]`, prompts/get `messages[].content`. Returns `body` when nothing changes. */
export function exposeUris(body: Buffer, target: string): Buffer {
  if (!body.includes('"uri"')) return body;
  try {
    const edits = uriEdits(body, target);
    return edits.length === 0 ? body : splice(body, edits);
  } catch (error) {
    // Not valid JSON: it goes on as it came; the client is the one to judge it.
    if (error instanceof JsonSyntaxError) return body;
    throw error;
  }
}

function uriEdits(body: Buffer, target: string): Edit[] {
  const result = lex(body, RESULT);
  const edits: Edit[] = [];
  for (const list of [CONTENT, CONTENTS, MESSAGES]) {
    if (result.first(list) !== 0x5b) continue;
    const spans = elements(body, result.startOf(list), result.endOf(list));
    for (let at = 0; at < spans.length; at += 2) {
      const block = lex(body, BLOCK, { start: spans[at] as number, end: spans[at + 1] as number });
      for (const slot of BLOCK_URIS) {
        if (block.first(slot) !== QUOTE) continue;
        const uri = block.text(slot) as string;
        edits.push({
          start: block.startOf(slot),
          end: block.endOf(slot),
          with: quote(exposeUri(uri, target)),
        });
      }
    }
  }
  return edits.sort((a, b) => a.start - b.start);
}

const TASK = new Shape({ taskId: true, resultType: true });
const TASK_ID = TASK.slot('taskId');
const RESULT_TYPE = TASK.slot('resultType');

/** A task that a call became, or the state of one (the tasks extension): its id says whose it is. */
export function exposeTaskId(body: Buffer, target: string, method: string): Buffer {
  if (!body.includes('"taskId"')) return body;
  try {
    const result = lex(body, TASK);
    const id = result.first(TASK_ID) === QUOTE ? result.text(TASK_ID) : undefined;
    const isTask = method.startsWith('tasks/') || result.text(RESULT_TYPE) === 'task';
    if (id === undefined || !isTask) return body;
    const exposed = quote(exposeUri(id, target));
    return splice(body, [{ start: result.startOf(TASK_ID), end: result.endOf(TASK_ID), with: exposed }]);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return body;
    throw error;
  }
}
