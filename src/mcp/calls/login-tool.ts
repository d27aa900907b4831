/**
 * What is listed of a server that wants a login of the client first: one tool of the gateway, so that a client of any kind
 * can begin. Made of bytes like any other list.
 */
import { type Catalogue, fetchCatalogue, type Item, LIST_KINDS, LISTS, type ListKind } from '../catalogue.ts';
import type { ServerInfo } from '../link/opened.ts';
import { LATEST_LEGACY } from '../revisions.ts';
import type { Member, View } from '../view/view.ts';

const NAME = 'login';

type Offer = Readonly<Record<ListKind, Catalogue>>;

const offers = new WeakMap<object, Promise<Offer>>();
const loginItems = new WeakSet<Item>();
const loginCatalogues = new WeakSet<Catalogue>();

/** The lists of `member` for a client that has not logged in: the tool, and nothing else. */
export async function loginCatalogue(member: Member, kind: ListKind): Promise<Catalogue> {
  let offer = offers.get(member.target);
  if (!offer) {
    offer = offerOf(member.target.name);
    offers.set(member.target, offer);
  }
  return (await offer)[kind];
}

/** The tool itself, also for a client that has logged in meanwhile and calls it from memory. */
export async function loginItem(member: Member): Promise<Item> {
  return (await loginCatalogue(member, 'tools')).items[0] as Item;
}

export function isLoginTool(item: Item | undefined): boolean {
  return item !== undefined && loginItems.has(item);
}

/** It is the gateway's: rules and curation are about what the server has. */
export function isLoginCatalogue(catalogue: Catalogue): boolean {
  return loginCatalogues.has(catalogue);
}

/** Whose tool a client means by `exposed`. */
export function loginMember(view: View, exposed: string): Member | undefined {
  if (!exposed.endsWith(NAME)) return undefined;
  return view.members.find(
    ({ prefix, outgoing }) => outgoing.credentials?.interactive === true && exposed === `${prefix}${NAME}`,
  );
}

/** What is said of a server at the beginning of a session that has not heard of it yet: it may have anything. */
export function infoBeforeLogin(version: string): ServerInfo {
  const capabilities = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true, subscribe: true },
    completions: {},
    logging: {},
  };
  const serverInfo = { name: 'agentgateway', version };
  const raw = Buffer.from(JSON.stringify({ protocolVersion: LATEST_LEGACY, capabilities, serverInfo }));
  return { era: 'legacy', version: LATEST_LEGACY, capabilities, serverInfo, instructions: undefined, raw };
}

async function offerOf(server: string): Promise<Offer> {
  const tool = {
    name: NAME,
    title: `Log in to ${server}`,
    description:
      `Log in to ${server}. Its own tools are listed once you have logged in. Takes no arguments; it opens the page for ` +
      'the login where the client can do that, and answers with a link to it otherwise.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    annotations: { title: `Log in to ${server}`, destructiveHint: false, idempotentHint: true },
  };
  const read = async (kind: ListKind): Promise<[ListKind, Catalogue]> => {
    const body = Buffer.from(JSON.stringify({ [LISTS[kind].member]: kind === 'tools' ? [tool] : [] }));
    const page = () => Promise.resolve({ kind: 'result', body } as const);
    const catalogue = await fetchCatalogue(kind, { page, skipped() {}, era: 'legacy' });
    loginCatalogues.add(catalogue);
    for (const item of catalogue.items) loginItems.add(item);
    return [kind, catalogue];
  };
  return Object.fromEntries(await Promise.all(LIST_KINDS.map(read))) as unknown as Offer;
}
