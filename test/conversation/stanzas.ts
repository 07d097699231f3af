import assert from 'node:assert/strict';
import { type Element, escapeXML } from '@xmpp/xml';

/** Stanzas as text, and what is read in the answers. */
export const COMMANDS = 'http://jabber.org/protocol/commands';
const FORMS = 'jabber:x:data';
export const HOST = 'host1@skerry.test/agent';

export const field = (name: string, ...values: readonly string[]): string =>
  `<field var="${escapeXML(name)}">${values.map((value) => `<value>${escapeXML(value)}</value>`).join('')}</field>`;

export const submit = (fields: Readonly<Record<string, string | readonly string[]>>): string =>
  `<x xmlns="${FORMS}" type="submit">${Object.entries(fields)
    .map(([name, values]) => field(name, ...[values].flat()))
    .join('')}</x>`;

export const iq = (from: string, verb: string, attributes = '', inner = ''): string =>
  `<iq type="set" id="1" from="${from}" to="${HOST}"><command xmlns="${COMMANDS}" node="urn:skerry:verb:1#${verb}" ${attributes}>${inner}</command></iq>`;

export const command = (reply: Element): Element => {
  const found = reply.getChild('command', COMMANDS);
  assert.ok(found, `no command in ${reply}`);
  return found;
};

export const formOf = (reply: Element): Element => {
  const x = command(reply).getChild('x', FORMS);
  assert.ok(x, `no form in ${reply}`);
  return x;
};

export const fieldOf = (x: Element, name: string): Element | undefined =>
  x.getChildren('field').find((each) => each.attrs.var === name);

export const valueIn = (x: Element, name: string): string | undefined =>
  fieldOf(x, name)?.getChildText('value') ?? undefined;

/** The whole of an error: RFC 6120's type and condition, XEP-0050's condition where it has one, and ours. */
export const failsWith = (reply: Element, condition: string, own: string, type?: string): void => {
  assert.equal(reply.attrs.type, 'error', String(reply));
  const error = reply.getChild('error');
  assert.ok(error, String(reply));
  assert.ok(error.getChild(condition, 'urn:ietf:params:xml:ns:xmpp-stanzas'), `${condition} was due: ${reply}`);
  assert.ok(error.getChild(own, 'urn:skerry:failure:1'), `${own} was due: ${reply}`);
  if (type) assert.equal(error.attrs.type, type, String(reply));
};
