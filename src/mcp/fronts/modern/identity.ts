/** Who answers, as results say it: the only server behind the endpoint, or the gateway where there are several. */
import { isObject } from '../../../lib/json-value.ts';
import type { Endpoint } from '../../endpoint.ts';
import { ownWords } from '../../link/own-words.ts';

/** The gateway's own, made once. */
const texts = new WeakMap<object, Buffer>();

/** A JSON object. */
export function serverInfoOf({ view, options }: Endpoint): Buffer {
  const info = view.single?.target.info;
  const said = isObject(info?.serverInfo) ? ownWords(info).serverInfo : undefined;
  if (said) return said;
  let text = texts.get(options);
  if (!text) {
    text = Buffer.from(JSON.stringify({ name: 'agentgateway', version: options.version }));
    texts.set(options, text);
  }
  return text;
}
