/**
 * Puts exposed URIs into results that carry resources: the only results that are scanned, and only where a view
 * gives URIs a prefix. Everything around the URIs stays as it was.
 */
import {
  type Edit,
  elements,
  JsonSyntaxError,
  type JsonText,
  lex,
  quote,
  Shape,
  splice,
} from '../../lib/json-text.ts';
import { Needle } from '../../lib/needle.ts';
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
const URI_NAME = new Needle('"uri"', 'uri"');
const TASK_ID_NAME = new Needle('"taskId"', 'Id"');

/** tools/call `content[]`, resources/read `contents[]`, prompts/get `messages[].content`. Returns `body` when nothing changes. */
export function exposeUris(body: Buffer, target: string): Buffer {
  if (!URI_NAME.isIn(body)) return body;
  return edited(body, () => uriEdits(lex(body, RESULT), [CONTENT, CONTENTS, MESSAGES], target));
}

/** What is not valid JSON goes on as it came; the client is the one to judge it. */
function edited(body: Buffer, make: () => Edit[]): Buffer {
  try {
    const edits = make().sort((a, b) => a.start - b.start);
    return edits.length === 0 ? body : splice(body, edits);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return body;
    throw error;
  }
}

/** Of the blocks in those of the lists that are there. */
function uriEdits(text: JsonText, lists: readonly number[], target: string): Edit[] {
  const body = text.bytes;
  const edits: Edit[] = [];
  for (const list of lists) {
    if (text.first(list) !== 0x5b) continue;
    const spans = elements(body, text.startOf(list), text.endOf(list));
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
  return edits;
}

const TASK = new Shape({ taskId: true, resultType: true, result: { content: true } });
const TASK_ID = TASK.slot('taskId');
const RESULT_TYPE = TASK.slot('resultType');
const TASK_CONTENT = TASK.slot('result', 'content');

const BEGUN = new Shape({ taskId: true, resultType: true, task: { taskId: true } });
const BEGUN_ID = BEGUN.slot('taskId');
const BEGUN_TYPE = BEGUN.slot('resultType');
const BEGUN_LEGACY = BEGUN.slot('task', 'taskId');

/** The id of the task that a call became, in either era. */
export function begunTask(body: Buffer): string | undefined {
  if (!TASK_ID_NAME.isIn(body)) return undefined;
  try {
    const text = lex(body, BEGUN);
    if (text.first(BEGUN_LEGACY) === QUOTE) return text.text(BEGUN_LEGACY);
    const isTask = text.first(BEGUN_TYPE) === QUOTE && text.text(BEGUN_TYPE) === 'task';
    return isTask && text.first(BEGUN_ID) === QUOTE ? text.text(BEGUN_ID) : undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

/** A task that a call became, or the state of one (the tasks extension): its id says whose it is. */
export function exposeTask(body: Buffer, target: string, method: string): Buffer {
  if (!TASK_ID_NAME.isIn(body)) return body;
  return edited(body, () => {
    const task = lex(body, TASK);
    const id = task.first(TASK_ID) === QUOTE ? task.text(TASK_ID) : undefined;
    const isTask = method.startsWith('tasks/') || task.text(RESULT_TYPE) === 'task';
    if (id === undefined || !isTask) return [];
    const exposed = quote(exposeUri(id, target));
    const edits = [{ start: task.startOf(TASK_ID), end: task.endOf(TASK_ID), with: exposed }];
    return [...edits, ...uriEdits(task, [TASK_CONTENT], target)];
  });
}

const TOLD = new Shape({ params: { result: { content: true } } });
const TOLD_CONTENT = TOLD.slot('params', 'result', 'content');

/** A whole notification that a task is over, which may bring its result. */
export function exposeTaskUris(message: Buffer, target: string): Buffer {
  if (!message.includes('"uri"')) return message;
  return edited(message, () => uriEdits(lex(message, TOLD), [TOLD_CONTENT], target));
}
