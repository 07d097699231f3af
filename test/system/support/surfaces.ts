import { randomUUID } from 'node:crypto';
import xml, { type Element } from '@xmpp/xml';
import { nodeOf, rowOf } from '#shared/verb/verb.ts';
import { lineFor } from '#shared/verb/words.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { FORMS_NS, type FormField, formElement, parseForm } from '#shared/xmpp/forms.ts';
import { COMMANDS_NS } from '#shared/xmpp/stanza-error.ts';
import { CONFIRM_FIELD } from '#shared/xmpp/verb-form.ts';
import type { Person } from './person.ts';
import type { TestRig } from './rig.ts';

/** A way in which a person carries out verbs on one host. */
export interface Surface {
  name: 'form' | 'chat' | 'cli';
  /** Carry it out, whatever is asked in between. @returns what a person reads; of forms and programs, a line `field: value` a field */
  ask(verb: string, args: Readonly<Record<string, unknown>>): Promise<string>;
}

/** All of them, for the same person and host. */
export const surfacesOf = (rig: TestRig, host: string, person: () => Person): readonly Surface[] => [
  { name: 'form', ask: (verb, args) => walkForm(person().entity, rig.agentJid(host), verb, args) },
  { name: 'chat', ask: (verb, args) => talk(person(), rig.bareJid(host), lineFor(verb, args)) },
  { name: 'cli', ask: (verb, args) => type(rig, host, verb, args) },
];

/** As a client with a form on a screen does (XEP-0050 section 3.2): begin, fill in what is shown, go on until it is completed. */
async function walkForm(
  entity: Pick<Entity, 'request'>,
  jid: string,
  verb: string,
  args: Readonly<Record<string, unknown>>,
): Promise<string> {
  const send = async (attrs: Record<string, string>, form?: Element): Promise<Element> => {
    const child = xml('command', { xmlns: COMMANDS_NS, node: nodeOf(verb), ...attrs }, form);
    const answer = await entity.request({ to: jid, type: 'set', child, timeoutMs: 60_000 });
    return answer.getChild('command', COMMANDS_NS) ?? fail(`no command in ${answer}`);
  };
  const left = new Map(Object.entries(args));
  let command = await send({ action: 'execute' });
  while (command.attrs.status === 'executing') {
    const form = formIn(command);
    const fields = form.fields.map((field) => filledIn(field, left));
    const action = command.getChild('actions')?.getChild('next') ? 'next' : 'complete';
    const again = formElement({
      type: 'submit',
      fields: fields.map(({ var: name, values }) => ({ var: name, values })),
    });
    const next = await send({ action, sessionid: command.attrs.sessionid ?? '' }, again);
    const error = next.getChildren('note').find(({ attrs }) => attrs.type === 'error');
    if (error) fail(error.text());
    command = next;
  }
  if (left.size > 0) fail(`the form of ${verb} has no field ${[...left.keys()]}`);
  const { fields, items } = formIn(command);
  return [fields, ...(items ?? [])].flatMap((record) => record.map(lineOfField)).join('\n');
}

const formIn = (command: Element) => parseForm(command.getChild('x', FORMS_NS) ?? fail(`no form in ${command}`));
const lineOfField = ({ var: name, values }: FormField): string => `${name}: ${values.join('\n')}`;

/** A field as a person leaves it: with their own value where they have one, else as it was shown. */
function filledIn(field: FormField, left: Map<string, unknown>): FormField {
  if (field.var === CONFIRM_FIELD) return { ...field, values: ['1'] };
  if (!left.has(field.var)) return field;
  const value = left.get(field.var);
  left.delete(field.var);
  const text = typeof value === 'boolean' ? String(Number(value)) : String(value);
  return { ...field, values: field.type === 'text-multi' ? text.split('\n') : [text] };
}

async function talk(person: Person, jid: string, line: string): Promise<string> {
  const thread = randomUUID();
  await person.send(
    xml('message', { to: jid, type: 'chat', id: randomUUID() }, xml('body', {}, line), xml('thread', {}, thread)),
  );
  const answer = await person.sees(
    `an answer to ${line.slice(0, 60)}`,
    (stanza) => stanza.getChildText('thread') === thread,
  );
  const body = answer.getChildText('body') ?? '';
  const code = /Say (yes \w+) within/.exec(body)?.[1];
  return code ? talk(person, jid, code) : body;
}

async function type(
  rig: TestRig,
  host: string,
  verb: string,
  args: Readonly<Record<string, unknown>>,
): Promise<string> {
  const words = Object.entries(args).map(([name, value]) => `${name}=${String(value)}`);
  const confirmed = rowOf(agentVerbs, verb)?.risk === 'destroy' ? ['--yes'] : [];
  const options = ['--json', '--no-wait', '--host', host, ...confirmed];
  const { exitCode, stdout, stderr } = await rig.skerry([...verb.split('.'), ...words, ...options]);
  // A look that found something bad answers, and exits with 1.
  if (exitCode !== 0 && stdout === '') fail(`skerry ${verb} ended with ${exitCode}: ${stderr}`);
  const records = [JSON.parse(stdout)].flat() as Record<string, unknown>[];
  return records.flatMap((record) => Object.entries(record).map(([name, value]) => `${name}: ${value}`)).join('\n');
}

function fail(problem: string): never {
  throw new Error(problem);
}
