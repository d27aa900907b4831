/**
 * Who hears what is decided about one exchange, and why: `agentgateway explain` and the tests of a configuration. No
 * exchange of a client has a witness, so nothing of this is made while the gateway serves. Values are as they are:
 * whoever shows them takes secrets out.
 */
import type { Identity } from './identity.ts';

export interface Witness {
  authenticated(finding: AuthenticationFinding): void;
  judged(judgement: Judgement): void;
}

export type AuthenticationFinding = {
  /** Key of the policy. */
  readonly policy: string;
  /** Where it looked for a credential: `header authorization`. */
  readonly place: string;
  readonly mode: 'strict' | 'optional' | 'permissive';
} & (
  | { readonly outcome: 'proved'; readonly identity: Identity }
  | { readonly outcome: 'absent' }
  /** `message`: what is wrong with the credential. */
  | { readonly outcome: 'refused'; readonly message: string }
);

export type Effect = 'allow' | 'deny' | 'require';

/** What the rules of one place said to one question. */
export interface Judgement {
  /** Key of the policy. */
  readonly policy: string;
  /** An HTTP request, an MCP call, or whether a list shows an item. */
  readonly question: 'request' | 'call' | 'list';
  /** As its server knows it. */
  readonly item?:
    | {
        readonly kind: 'tool' | 'prompt' | 'resource' | 'task';
        readonly target: string;
        readonly name: string;
      }
    | undefined;
  /** In the order of judgement. */
  readonly rules: readonly RuleFinding[];
  readonly allowed: boolean;
  /** Number of the rule that decided; undefined where no allow held, or nothing stood against it. */
  readonly by: number | undefined;
}

export interface RuleFinding {
  /** In the list of its place, from 1. */
  readonly number: number;
  readonly effect: Effect;
  readonly expression: string;
  readonly scopes?: readonly string[] | undefined;
  /** `unjudged`: an earlier one had decided. */
  readonly outcome: 'true' | 'false' | 'error' | 'unjudged';
  /** Of an error: why it could not be evaluated. */
  readonly message?: string;
  /** It failed and that did no harm: it is about something else, or is judged again when there is a call. */
  readonly leftOpen?: boolean;
  /** The variables it can come to, with what they held; undefined: nothing is there. */
  readonly reads: readonly { readonly name: string; readonly value: unknown }[];
}
