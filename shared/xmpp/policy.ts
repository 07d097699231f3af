import xml, { type Element } from '@xmpp/xml';
import { z } from 'zod';
import { KeptPolicy } from '#shared/verb/policy.ts';
import { jsonIn, parseJsonIn } from './json-container.ts';

/** Central's policy on its way to an agent: `<policy/>` holds JSON. */
export const POLICY_NS = 'urn:skerry:policy:1';

/** The policy as it is at one host. A larger version is newer. */
export const Replicated = z.strictObject({ version: z.int().nonnegative(), policy: KeptPolicy });
export type Replicated = z.infer<typeof Replicated>;

export const policyElement = (replicated: Replicated): Element => jsonIn('policy', POLICY_NS, replicated);

/** An agent asks for the newest, and says what it has. */
export const policyQuestion = (version: number): Element =>
  xml('policy', { xmlns: POLICY_NS, version: String(version) });

/** What the asker has; 0 where it does not say. */
export const versionAsked = ({ attrs }: Element): number => {
  const version = Number(attrs.version ?? 0);
  return Number.isSafeInteger(version) && version >= 0 ? version : 0;
};

/** @throws Failure bad-payload */
export const parsePolicy = (element: Element): Replicated => parseJsonIn(element, Replicated);
