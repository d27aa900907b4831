/** What an address of an agent is called at the gateway. Pure. */

export interface Mount {
  /** Scheme, authority and what may stand before the paths of routes; no slash at the end. */
  readonly base: string;
  /** Path that the client asked for. */
  readonly asked: string;
  /** Path that the agent was asked for. */
  readonly sent: string;
  /** Where the client finds the agent, by what it asked for; undefined: that does not tell. */
  readonly mount: string | undefined;
  /** Whether a path leads to the same agent. */
  serves(path: string): boolean;
}

export function publicUrl(url: string, mount: Mount): string {
  const { base } = mount;
  if (url === base || url.startsWith(`${base}/`)) return url;
  // gRPC names its servers without a scheme, or with one of its resolver's.
  if (!/^https?:\/\/|^\//i.test(url)) return authorityOf(base);
  if (!URL.canParse(url, base)) return `${base}${mount.mount ?? mount.asked}`;
  const { pathname, search } = new URL(url, base);
  const path = publicPath(pathname, mount);
  const bare = path === '/' && !/^[^?#]*\/$/.test(url);
  return `${base}${bare ? '' : path}${search}`;
}

function publicPath(path: string, { asked, sent, mount, serves }: Mount): string {
  const moved = sent === asked ? undefined : replaced(path, asked, sent);
  if (moved !== undefined) return moved;
  if (serves(path)) return path;
  if (mount === undefined) return asked;
  if (mount === '') return path;
  // An agent that knows nothing of the prefix it is served below.
  const below = `${mount}${path}`;
  return serves(below) ? below : mount;
}

/** `asked` became `sent` on its way; what would have become `path`. */
function replaced(path: string, asked: string, sent: string): string | undefined {
  const [before, after] = [asked.split('/'), sent.split('/')];
  while (before.length > 1 && after.length > 1 && before.at(-1) === after.at(-1)) {
    before.pop();
    after.pop();
  }
  const [from, to] = [after.join('/'), before.join('/')];
  if (path !== from && !path.startsWith(`${from}/`)) return undefined;
  return `${to}${path.slice(from.length)}` || '/';
}

function authorityOf(base: string): string {
  const { hostname, port, protocol } = new URL(base);
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}
