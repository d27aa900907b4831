/** Limits on calls: passed once a call may be made, and left when it is over. */
import { allGates, type McpGate } from '../../core/guard.ts';
import type { McpCall, McpOutcome } from '../call.ts';
import type { Member, View } from '../view/view.ts';
import type { Caller } from './caller.ts';
import { guardedCall, type Named } from './permit.ts';

export interface Limited {
  readonly caller: Caller;
  readonly call: McpCall;
  readonly at: {
    /** Undefined: the call is answered by the gateway itself. */
    readonly member: Member | undefined;
    readonly named?: Named | undefined;
    /** The call has passed the gates of the endpoint already. */
    readonly entered?: boolean | undefined;
  };
}

/** Rejects with RATE_LIMITED or OVERLOADED where the call has to wait for another time. */
export function limited(limit: Limited, work: () => Promise<McpOutcome>): Promise<McpOutcome> {
  const { caller, at } = limit;
  const gate = at.entered ? at.member?.gate : gateOf(caller.view, at.member);
  return gate ? through(gate, limit, work) : work();
}

async function through(
  gate: McpGate,
  { caller, call, at }: Limited,
  work: () => Promise<McpOutcome>,
): Promise<McpOutcome> {
  const leave = await gate.enter(guardedCall(caller, call, at), call.exchange, call.cancel);
  try {
    return await work();
  } finally {
    leave?.();
  }
}

const both = new WeakMap<Member, McpGate>();

function gateOf(view: View, member: Member | undefined): McpGate | undefined {
  if (!view.gate || !member?.gate) return view.gate ?? member?.gate;
  let gate = both.get(member);
  if (!gate) {
    gate = allGates([view.gate, member.gate]) as McpGate;
    both.set(member, gate);
  }
  return gate;
}
