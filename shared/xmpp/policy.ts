import xml, { type Element } from '@xmpp/xml';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { KeptPolicy } from '#shared/verb/policy.ts';

/** Central's policy on its way to an agent: `<policy/>` holds JSON in a container of XEP-0335. */
export const POLICY_NS = 'urn:skerry:policy:1';
const JSON_NS = 'urn:xmpp:json:0';

/** The policy as it is at one host. A larger version is newer. */
export const Replicated = z.strictObject({ version: z.int().nonnegative(), policy: KeptPolicy });
export type Replicated = z.infer<typeof Replicated>;

export const policyElement = (replicated: Replicated): Element =>
  xml('policy', { xmlns: POLICY_NS }, xml('json', { xmlns: JSON_NS }, JSON.stringify(replicated)));

/** An agent asks for the newest, and says what it has. */
export const policyQuestion = (version: number): Element =>
  xml('policy', { xmlns: POLICY_NS, version: String(version) });

/** What the asker has; 0 where it does not say. */
export const versionAsked = ({ attrs }: Element): number => {
  const version = Number(attrs.version ?? 0);
  return Number.isSafeInteger(version) && version >= 0 ? version : 0;
};

/** @throws Failure bad-payload */
export function parsePolicy(element: Element): Replicated {
  const text = element.getChildText('json', JSON_NS);
  if (text === null) throw new Failure('bad-payload', { problem: 'a policy holds <json/> of urn:xmpp:json:0' });
  const parsed = Replicated.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Failure('bad-payload', { problem: `${issue?.path.join('.') || 'policy'}: ${issue?.message}` });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('bad-payload', { problem: 'it is not JSON' });
  }
}
