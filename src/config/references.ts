/** How one part of a document names another: gateways, listeners, backends. */

export type Fields = Readonly<Record<string, unknown>>;

/** Whether the short `mcp` stands on gateways rather than on a port of its own. */
export function usesGateways(gateways: unknown, mcp: Fields): boolean {
  if (mcp['gateways'] !== undefined) return true;
  return mcp['port'] === undefined && fields(gateways)?.['default'] !== undefined;
}

/** The Rust gateway writes `namespace/name`; in a file the namespace is empty. */
export function backendName(reference: string): string {
  return reference.startsWith('/') ? reference.slice(1) : reference;
}

export function splitGatewayRef(ref: string): { gateway: string; listener: string | undefined } {
  const slash = ref.indexOf('/');
  if (slash === -1) return { gateway: ref, listener: undefined };
  return { gateway: ref.slice(0, slash), listener: ref.slice(slash + 1) };
}

export function fields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}
