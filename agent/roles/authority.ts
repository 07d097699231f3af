import type { AgentConfig } from '#agent/config.ts';
import { systemClock } from '#shared/clock.ts';
import { type May, mayBy } from '#shared/verb/policy.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { policyReplica, type ReplicaDeps } from './replica.ts';

export interface Authority {
  may: May;
  isCentral(bareJid: string): boolean;
  /** Told when `may` may answer otherwise than before. */
  onChange(listener: () => void): void;
  stop(): void;
}

/** Whom this agent obeys: central, which has asked its own policy; those of its configuration; those of central's policy. */
export function authority(
  { central, policy }: Pick<AgentConfig, 'central' | 'policy'>,
  deps: Omit<ReplicaDeps, 'central' | 'table' | 'clock'>,
): Authority {
  const granted = mayBy(policy, agentVerbs);
  if (central === undefined) return { may: granted, isCentral: () => false, onChange: () => {}, stop: () => {} };
  const replica = policyReplica({ ...deps, central, table: agentVerbs, clock: systemClock });
  const isCentral = (bareJid: string): boolean => bareJid === central;
  return {
    may: (requester, verb, target) =>
      isCentral(requester.bareJid) || granted(requester, verb, target) || replica.may(requester, verb, target),
    isCentral,
    onChange: replica.onChange,
    stop: replica.stop,
  };
}
