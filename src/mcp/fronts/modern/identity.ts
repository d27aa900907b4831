/** Who answers, as results say it: the only server behind the endpoint, or the gateway where there are several. */
import { isObject } from '../../../lib/json-value.ts';
import type { Endpoint } from '../../endpoint.ts';

/** A JSON object; made once for what it is made of. */
const texts = new WeakMap<object, Buffer>();

export function serverInfoOf(endpoint: Endpoint): Buffer {
  const said = endpoint.view.single?.target.info?.serverInfo;
  const of = isObject(said) ? said : endpoint.options;
  let text = texts.get(of);
  if (!text) {
    const { version } = endpoint.options;
    text = Buffer.from(JSON.stringify(isObject(said) ? said : { name: 'agentgateway', version }));
    texts.set(of, text);
  }
  return text;
}
