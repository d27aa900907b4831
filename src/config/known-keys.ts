/**
 * Names of the keys that the Rust gateway reads, by place in the document, so that a configuration written for it
 * is told "not supported here yet" instead of "unknown key". Names only; what they mean stands in its own manual.
 */
import type { Path } from './diagnostics.ts';

interface Place {
  /** Separated by spaces. */
  readonly keys: string;
  /** Which place lies behind a key. */
  readonly inside: Readonly<Record<string, string>>;
  /** The place behind every key, where keys are names that people choose. */
  readonly each?: string;
}

/** Policies of listeners and routes alike whose inside is known. */
const POLICIES = {
  cors: 'cors',
  jwtAuth: 'jwtAuth',
  basicAuth: 'basicAuth',
  apiKey: 'apiKey',
  authorization: 'rules',
};

const PLACES: Readonly<Record<string, Place>> = {
  document: {
    keys: 'backends binds config frontendPolicies gateways llm mcp policies routeGroups routes services tcpRoutes ui workloads',
    inside: {
      config: 'config',
      frontendPolicies: 'frontend',
      binds: 'bind',
      gateways: 'gateways',
      routes: 'attachedRoute',
      tcpRoutes: 'attachedTcpRoute',
      backends: 'namedBackend',
      mcp: 'shortMcp',
    },
  },
  config: {
    keys: 'additionalTrustDomains adminAddr backend caAddress caAuthToken clusterId connectionMinTerminationDeadline connectionTerminationDeadline customFunctions database dns enableIpv6 gateway hbone histograms localXdsPath logging mcp metrics modelCatalog namespace network readinessAddr sensitiveHeaders serviceAccount session skipValidateTrustDomain spiffe standardAttributes statsAddr storage tracing trustDomain workerThreads xdsAddress xdsAuthToken',
    inside: { session: 'session', mcp: 'mcpSettings', logging: 'logging' },
  },
  frontend: {
    keys: 'accessLog connect http logging networkAuthorization networkExtAuthz proxy proxyProtocol tcp tls tracing',
    inside: {
      http: 'frontendHttp',
      tls: 'frontendTls',
      proxy: 'frontendProxy',
      proxyProtocol: 'frontendProxy',
    },
  },
  frontendHttp: {
    keys: 'http1HeaderCase http1IdleTimeout http1MaxHeaders http2ConnectionWindowSize http2FrameSize http2KeepaliveInterval http2KeepaliveTimeout http2MaxHeaderSize http2WindowSize maxBufferSize maxConnectionDuration',
    inside: {},
  },
  frontendProxy: { keys: 'mode version', inside: {} },
  frontendTls: {
    keys: 'alpn cipherSuites handshakeTimeout keyExchangeGroups maxVersion minVersion',
    inside: {},
  },
  session: { keys: 'key', inside: {} },
  mcpSettings: { keys: 'sessionTtl', inside: {} },
  logging: { keys: 'database fields filter format level', inside: {} },
  bind: { keys: 'listeners mode port tunnelProtocol', inside: { listeners: 'listener' } },
  listener: {
    keys: 'hostname name namespace policies protocol routes tcpRoutes tls',
    inside: { routes: 'route', tcpRoutes: 'tcpRoute', policies: 'listenerPolicies', tls: 'tls' },
  },
  gateway: {
    keys: 'apiKey authorization basicAuth cors extAuthz extProc jwtAuth listeners oidc port protocol tls transformations',
    inside: { listeners: 'gatewayListener', tls: 'tls', ...POLICIES },
  },
  gatewayListener: {
    keys: 'apiKey authorization basicAuth cors extAuthz extProc hostname jwtAuth name oidc protocol tls transformations',
    inside: { tls: 'tls', ...POLICIES },
  },
  tls: {
    keys: 'cert cipherSuites key keyExchangeGroups maxTLSVersion maxTlsVersion minTLSVersion minTlsVersion mode root spiffe',
    inside: {},
  },
  route: {
    keys: 'backends hostnames matches name namespace policies ruleName',
    inside: { matches: 'match', policies: 'routePolicies', backends: 'routeBackend' },
  },
  attachedRoute: {
    keys: 'backends gateways hostnames matches name namespace policies ruleName',
    inside: { matches: 'match', policies: 'routePolicies', backends: 'routeBackend' },
  },
  tcpRoute: {
    keys: 'backends hostnames name namespace policies ruleName',
    inside: { policies: 'tcpPolicies', backends: 'tcpBackend' },
  },
  attachedTcpRoute: {
    keys: 'backends gateways hostnames name namespace policies ruleName',
    inside: { policies: 'tcpPolicies', backends: 'tcpBackend' },
  },
  tcpBackend: {
    keys: 'backend dynamic host policies service weight',
    inside: { policies: 'tcpBackendPolicies' },
  },
  tcpPolicies: { keys: 'backendTLS', inside: { backendTLS: 'backendTLS' } },
  tcpBackendPolicies: { keys: 'backendTLS backendTunnel', inside: { backendTLS: 'backendTLS' } },
  match: {
    keys: 'headers method path query',
    inside: { path: 'path', headers: 'valueMatch', query: 'valueMatch' },
  },
  path: { keys: 'exact pathPrefix regex', inside: {} },
  valueMatch: { keys: 'name value', inside: { value: 'value' } },
  value: { keys: 'exact regex', inside: {} },
  routeBackend: {
    keys: 'ai aws backend dynamic host internal invalid mcp policies routeGroup service weight',
    inside: { mcp: 'mcp', policies: 'backendPolicies' },
  },
  namedBackend: {
    keys: 'ai aws host internal mcp name policies',
    inside: { mcp: 'mcp', policies: 'backendPolicies' },
  },
  mcp: {
    keys: 'dnsRebindingProtection failureMode prefixMode statefulMode targets',
    inside: { targets: 'target' },
  },
  shortMcp: {
    keys: 'dnsRebindingProtection failureMode gateways policies port prefixMode statefulMode targets',
    inside: { targets: 'target', policies: 'routePolicies' },
  },
  target: {
    keys: 'mcp name openapi policies sse stdio',
    inside: { mcp: 'remote', openapi: 'openapi', sse: 'remote', stdio: 'stdio', policies: 'targetPolicies' },
  },
  remote: { keys: 'backend host path port', inside: {} },
  openapi: { keys: 'backend host path port schema', inside: {} },
  stdio: { keys: 'args clear_env cmd env', inside: {} },
  listenerPolicies: {
    keys: 'apiKey authorization basicAuth cors extAuthz extProc jwtAuth oidc transformations',
    inside: POLICIES,
  },
  localRateLimit: {
    keys: 'conditional fillInterval maxTokens tokensPerFill type',
    inside: { conditional: 'conditionalRateLimit' },
  },
  conditionalRateLimit: { keys: 'condition fillInterval maxTokens tokensPerFill type', inside: {} },
  remoteRateLimit: {
    keys: 'backend conditional descriptors domain failureMode host policies service',
    inside: { descriptors: 'descriptor' },
  },
  descriptor: { keys: 'cost entries limitOverride type', inside: { entries: 'descriptorEntry' } },
  descriptorEntry: { keys: 'key value', inside: {} },
  routePolicies: {
    keys: 'a2a ai apiKey authorization backendAuth backendTLS backendTunnel basicAuth buffer cors csrf delay directResponse extAuthz extProc jwtAuth localRateLimit mcpAuthentication mcpAuthorization mcpGuardrails oidc remoteRateLimit requestHeaderModifier requestMirror requestRedirect responseHeaderModifier retry timeout transformations urlRewrite',
    inside: {
      ...POLICIES,
      backendAuth: 'backendAuth',
      backendTLS: 'backendTLS',
      localRateLimit: 'localRateLimit',
      remoteRateLimit: 'remoteRateLimit',
      mcpAuthentication: 'mcpAuthentication',
      transformations: 'transformations',
      requestMirror: 'requestMirror',
    },
  },
  backendPolicies: {
    keys: 'a2a ai authorization backendAuth backendTLS backendTunnel extAuthz health http inferenceRouting mcpAuthorization mcpGuardrails requestHeaderModifier requestRedirect responseHeaderModifier sessionAffinity tcp transformations',
    inside: {
      backendAuth: 'backendAuth',
      transformations: 'transformations',
      backendTLS: 'backendTLS',
      http: 'http',
      tcp: 'tcp',
    },
  },
  targetPolicies: {
    keys: 'backendAuth backendTLS backendTunnel http requestHeaderModifier tcp transformations',
    inside: {
      backendAuth: 'backendAuth',
      transformations: 'transformations',
      backendTLS: 'backendTLS',
      http: 'http',
      tcp: 'tcp',
    },
  },
  http: { keys: 'requestTimeout version', inside: {} },
  tcp: { keys: 'connectTimeout keepalives', inside: { keepalives: 'keepalives' } },
  keepalives: { keys: 'enabled interval retries time', inside: {} },
  cors: { keys: 'allowCredentials allowHeaders allowMethods allowOrigins exposeHeaders maxAge', inside: {} },
  jwtAuth: {
    keys: 'audiences issuer jwks jwtValidationOptions location mode providers',
    inside: { location: 'location', providers: 'jwtProvider' },
  },
  jwtProvider: { keys: 'audiences issuer jwks jwtValidationOptions', inside: {} },
  basicAuth: {
    keys: 'authorizationLocation htpasswd mode realm',
    inside: { authorizationLocation: 'location' },
  },
  apiKey: { keys: 'keys location mode', inside: { keys: 'apiKeyEntry', location: 'location' } },
  apiKeyEntry: { keys: 'allowedModels key keyHash metadata', inside: {} },
  mcpAuthentication: {
    keys: 'audiences authorizationLocation clientId clientSecret issuer jwks jwtValidationOptions mode provider resourceMetadata',
    inside: { authorizationLocation: 'location' },
  },
  rules: { keys: 'rules', inside: { rules: 'rule' } },
  rule: { keys: 'allow deny require', inside: {} },
  location: { keys: 'cookie expression header queryParameter', inside: {} },
  backendTLS: {
    keys: 'alpn cert hostname insecure insecureHost key keyExchangeGroups root spiffe subjectAltNames',
    inside: {},
  },
  backendAuth: {
    keys: 'aws azure copilot credentials crossAppAccess gcp jwtSign key oauthTokenExchange passthrough',
    inside: { key: 'backendKey', passthrough: 'passthrough' },
  },
  backendKey: { keys: 'file location value', inside: { location: 'location' } },
  passthrough: { keys: 'location', inside: { location: 'location' } },
  transformations: {
    keys: 'conditional request response',
    inside: {
      request: 'transformation',
      response: 'transformation',
      conditional: 'conditionalTransformation',
    },
  },
  conditionalTransformation: {
    keys: 'condition request response',
    inside: { request: 'transformation', response: 'transformation' },
  },
  transformation: { keys: 'add body metadata remove replace set', inside: {} },
  requestMirror: { keys: 'backend percentage', inside: { backend: 'mirrorBackend' } },
  mirrorBackend: { keys: 'backend host service', inside: {} },
  gateways: { keys: '', inside: {}, each: 'gateway' },
};

const VALUES: Readonly<Record<string, string>> = {
  'localRateLimit.type': 'tokens',
  'conditionalRateLimit.type': 'tokens',
  'descriptor.type': 'tokens',
  'bind.tunnelProtocol': 'hboneWaypoint hboneGateway',
  'listener.protocol': 'HBONE',
  'tls.mode': 'dynamicCa',
};

/** Keys that the Rust gateway reads in the mapping at `path`. */
export function knownKeys(path: Path): string[] {
  return PLACES[placeAt(path) ?? '']?.keys.split(' ') ?? [];
}

/** Values that the Rust gateway takes at `path`, beyond ours. */
export function knownValues(path: Path): string[] {
  const place = placeAt(path.slice(0, -1));
  return VALUES[`${place}.${path.at(-1)}`]?.split(' ') ?? [];
}

function placeAt(path: Path): string | undefined {
  let place: string | undefined = 'document';
  for (const part of path) {
    if (typeof part === 'number') continue;
    const { inside, each }: Place = PLACES[place] as Place;
    place = Object.hasOwn(inside, part) ? inside[part] : each;
    if (place === undefined) return undefined;
  }
  return place;
}
