import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { type Form, formElement } from './forms.ts';
import { COMMANDS_NS, printable } from './stanza-error.ts';

/** The `<command/>` of XEP-0050, read and written. */
const ACTIONS = ['execute', 'next', 'prev', 'complete', 'cancel'] as const;
export type Action = (typeof ACTIONS)[number];

/** @throws Failure malformed-action */
export function actionOf(command: Element): Action {
  const word = command.attrs.action ?? 'execute';
  const action = ACTIONS.find((each) => each === word);
  if (!action) throw new Failure('malformed-action', { action: `“${word.slice(0, 40)}”` });
  return action;
}

/**
 * English is what there is, and what is answered whatever language is asked for (section 3.7 lets us). What names no language
 * is refused. @throws Failure bad-locale
 */
export function checkLocale(...elements: readonly Element[]): void {
  for (const { attrs } of elements) {
    const language = attrs['xml:lang'];
    if (language && (language.length > 35 || !/^[a-z]{1,8}([-_][a-z0-9]{1,8})*$/i.test(language)))
      throw new Failure('bad-locale');
  }
}

export interface Note {
  type: 'info' | 'warn' | 'error';
  text: string;
}

export interface Reply {
  node: string;
  sessionid: string;
  status: 'executing' | 'completed' | 'canceled';
  /** What may be done now, the usual one first. */
  actions?: readonly ('next' | 'prev' | 'complete')[];
  form?: Form;
  note?: Note;
}

export function commandElement({ node, sessionid, status, actions, form, note }: Reply): Element {
  return xml(
    'command',
    { xmlns: COMMANDS_NS, node, sessionid, status, 'xml:lang': 'en' },
    actions ? actionsElement(actions) : undefined,
    form ? formElement(form) : undefined,
    note ? xml('note', { type: note.type }, printable(note.text)) : undefined,
  );
}

/** Section 4.2; its children have an order. */
const actionsElement = (actions: readonly string[]): Element =>
  xml(
    'actions',
    { execute: actions[0] },
    ...['prev', 'next', 'complete'].filter((action) => actions.includes(action)).map((action) => xml(action)),
  );
