/** The bodies of plain HTTP: JSON as APIs write it, made beforehand, with the id that tells one answer from another. */

/** Of exactly so many bytes, whatever the id; a record with a list of small objects. */
export function textAround(size: number): (id: string) => Buffer {
  const rows: string[] = [];
  const whole = (): string =>
    `","state":"open","total":${rows.length},"items":[${rows.join(',')}],"note":""}`;
  const room = size - '{"id":"1000000000'.length;
  for (let row = 0; whole().length + ROW < room; row += 1) rows.push(item(row));
  const rest = whole();
  const tail = Buffer.from(`${rest.slice(0, -2)}${'x'.repeat(room - rest.length)}"}`);
  return (id) => Buffer.concat([Buffer.from(`{"id":"${id}`), tail]);
}

/** Longer than any of them. */
const ROW = 100;
const item = (row: number): string =>
  `{"sku":"A-${1_000 + row}","name":"Left-handed screw","count":${row % 7},"price":9.5,"tags":["new","small"]}`;

export const EVENTS = 20;

const TEXT = 'All of it has been looked through, and nothing was found that would speak against it.';

const message = (id: string): string =>
  `{"kind":"message","messageId":"${id}","role":"agent","parts":[{"kind":"text","text":"${TEXT}"}]}`;

/** `id`: JSON text. */
export const messageAnswer = (id: string): Buffer =>
  Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${message('m-1')}}`);

/** The nth of a stream. */
export function statusEvent(id: string, number: number): string {
  const final = number === EVENTS;
  const status = `{"state":"${final ? 'completed' : 'working'}","message":${message(`m-${number}`)}}`;
  const result = `{"kind":"status-update","taskId":"t-1","contextId":"c-1","status":${status},"final":${final}}`;
  return `data: {"jsonrpc":"2.0","id":${id},"result":${result}}\n\n`;
}

/** What a client asks an agent. */
export const agentCall = (id: number, method: string): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id,
    method,
    params: {
      message: { kind: 'message', messageId: 'q-1', role: 'user', parts: [{ kind: 'text', text: TEXT }] },
    },
  });
