/** Configurations exactly as they are printed in documentation that readers copy from. */

export const ONE_STDIO_SERVER = `# yaml-language-server: $schema=https://agentgateway.dev/schema/config
binds:
- port: 3000
  listeners:
  - routes:
    - policies:
        cors:
          allowOrigins:
          - "*"
          allowHeaders:
          - mcp-protocol-version
          - content-type
          - cache-control
          exposeHeaders:
          - "Mcp-Session-Id"
      backends:
      - mcp:
          targets:
          - name: everything
            stdio:
              cmd: npx
              args: ["@modelcontextprotocol/server-everything"]
`;

export const MULTIPLEX = `# yaml-language-server: $schema=https://agentgateway.dev/schema/config
binds:
- port: 3000
  listeners:
  - routes:
    - backends:
      - mcp:
          targets:
          - name: time
            stdio:
              cmd: uvx
              args: ["mcp-server-time"]
          - name: everything
            stdio:
              cmd: npx
              args: ["@modelcontextprotocol/server-everything"]
`;

/** Printed from \`routes:\` on; a listener needs a port. */
export const LOAD_BALANCING = `binds:
- port: 3000
  listeners:
  - routes:
    - backends: # Multiple backends = load balancing
      - mcp:
          targets:
          - name: everything
            stdio:
              cmd: npx
              args: ["@modelcontextprotocol/server-everything"]
        weight: 1
      - mcp:
          targets:
          - name: everything
            stdio:
              cmd: npx
              args: ["@modelcontextprotocol/server-everything"]
        weight: 1
`;

/** Printed with \`targets: ...\`. */
export const SHORT_WITH_CORS = `# yaml-language-server: $schema=https://agentgateway.dev/schema/config
mcp:
  port: 3000
  policies:
    cors:
      allowOrigins:
        - "*"
      allowHeaders:
        - "*"
  targets:
  - name: time
    stdio:
      cmd: uvx
      args: ["mcp-server-time"]
  - name: everything
    stdio:
      cmd: npx
      args: ["@modelcontextprotocol/server-everything"]
`;

export const TIMEOUTS = `mcp:
  tool_call_timeout_ms: 30000    # per-tool-call timeout (default: 30s)
  connection_timeout_ms: 10000   # connection startup timeout (default: 10s)
`;

/** A route around targets that are printed alone. */
export const withTargets = (targets: string): string => `binds:
- port: 3000
  listeners:
  - routes:
    - policies:
        backendTLS: {}
      backends:
      - mcp:
          ${targets.trimEnd().replaceAll('\n', '\n          ')}
`;

export const REMOTE = `targets:
- name: mcpbin
  mcp:
    host: https://mcpbin.is.solo.io/remote/mcp
`;

export const DOCKER = `targets:
- name: everything
  stdio:
    cmd: docker
    args: ["run", "--rm", "-i", "mcp/everything"]
`;
