import xml, { type Element } from '@xmpp/xml';
import type { z } from 'zod';
import { Failure } from '#shared/errors.ts';

/** JSON in an element of ours: XEP-0335. */
const JSON_NS = 'urn:xmpp:json:0';

/** `<NAME xmlns="…"><json xmlns="urn:xmpp:json:0">…</json></NAME>` */
export const jsonIn = (name: string, xmlns: string, value: unknown): Element =>
  xml(name, { xmlns }, xml('json', { xmlns: JSON_NS }, JSON.stringify(value)));

/** What an element holds, by its schema. @throws Failure bad-payload, naming what is wrong */
export function parseJsonIn<T extends z.ZodType>(element: Element, schema: T): z.output<T> {
  const text = element.getChildText('json', JSON_NS);
  const name = element.getName();
  if (text === null) throw new Failure('bad-payload', { problem: `a ${name} holds <json/> of ${JSON_NS}` });
  const parsed = schema.safeParse(readJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Failure('bad-payload', { problem: `${issue?.path.join('.') || name}: ${issue?.message}` });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('bad-payload', { problem: 'it is not JSON' });
  }
}
