/** What the server of each target has to offer for a question about an item to make sense, and how clients call it. */
import type { McpConfig, TargetConfig } from '../backends/mcp/schema.ts';
import { exposeName, exposeUri, isPrefixed, mapsUris, resolveUri } from '../mcp/view/naming.ts';
import { type AskedItem, QuestionError } from './question.ts';

/** The name under which a client asks an endpoint for the item. Throws QuestionError for a target it does not have. */
export function exposedName(config: McpConfig, { kind, name, target }: AskedItem): string {
  if (target === undefined) return name;
  const found = config.targets.find((one) => one.name === target);
  if (!found) {
    const names = config.targets.map((one) => one.name).join(', ');
    throw new QuestionError(`there is no target called "${target}" behind this route; known: ${names}`);
  }
  if (kind === 'resource')
    return mapsUris(config.prefixMode, config.targets.length) ? exposeUri(name, target) : name;
  const shown = (kind === 'tool' ? renamed(found, name) : undefined) ?? name;
  return exposeName(shown, { prefix: prefixOf(config, found), limit: config.nameLimit });
}

/** Names as the server of this target knows them, one of which clients may know by the item's name. */
export function offered(config: McpConfig, target: TargetConfig, item: AskedItem): string[] {
  const { kind, name } = item;
  if (item.target !== undefined) return item.target === target.name ? [name] : [];
  if (kind === 'resource') {
    if (!mapsUris(config.prefixMode, config.targets.length)) return [name];
    const split = resolveUri(name);
    return split?.target === target.name ? [split.uri] : [];
  }
  const prefix = prefixOf(config, target);
  if (!name.startsWith(prefix)) return [];
  const shown = name.slice(prefix.length);
  const originals = kind === 'tool' ? Object.entries(target.tools?.rename ?? {}) : [];
  const renames = originals.flatMap(([native, now]) => (now === shown ? [native] : []));
  return renames.length > 0 ? renames : [shown];
}

function renamed({ tools }: TargetConfig, name: string): string | undefined {
  const rename = tools?.rename;
  return rename && Object.hasOwn(rename, name) ? rename[name] : undefined;
}

export function prefixOf({ prefixMode, targets }: McpConfig, { name }: TargetConfig): string {
  return isPrefixed(prefixMode, targets.length) ? `${name}_` : '';
}
