/**
 * The closed table of failures.
 *
 * A key is at once the application condition on the wire (`<KEY xmlns="urn:skerry:failure:1"/>`), the outcome in the
 * audit record, and the row in docs/failures.md. Whatever is thrown that is not a Failure is a fault of ours.
 *
 * Row: [error type, condition, text]; type and condition are those of RFC 6120 section 8.3. `{word}` in a text is filled
 * from the details.
 */

export type ErrorType = 'auth' | 'cancel' | 'modify' | 'wait';

export const FAILURES = {
  // What was asked.
  'verb-unknown': ['cancel', 'item-not-found', 'There is no verb {verb}.'],
  'verb-unsupported': ['cancel', 'feature-not-implemented', 'The {driver} driver of {host} cannot do {verb}.'],
  'bad-argument': ['modify', 'bad-request', '{field}: {problem}.'],
  'confirmation-required': ['modify', 'not-acceptable', '{verb} may lose work or data: {how}.'],
  'not-permitted': ['auth', 'forbidden', '{requester} may not {verb}.'],
  // How it was asked (XEP-0050 section 4.4 has the first five).
  'bad-action': ['modify', 'bad-request', 'The action {action} cannot be done at this stage.'],
  'malformed-action': ['modify', 'bad-request', 'The action {action} does not exist.'],
  'bad-sessionid': ['modify', 'bad-request', 'There is no such session of yours.'],
  'session-expired': ['cancel', 'not-allowed', 'The session has ended or was left too long.'],
  'bad-payload': ['modify', 'bad-request', 'The form cannot be read: {problem}.'],
  'bad-locale': ['modify', 'bad-request', 'That language is not available.'],
  'too-busy': ['wait', 'resource-constraint', 'Too much is under way at once: {problem}.'],
  // Operations.
  'operation-running': ['wait', 'conflict', 'Operation {operation} is still under way.'],
  'operation-mismatch': [
    'cancel',
    'conflict',
    'Operation {operation} was asked before with another verb, arguments or requester.',
  ],
  'operation-uncertain': [
    'cancel',
    'undefined-condition',
    'Operation {operation} was cut off: it may have taken effect, or still take it, and is not done twice. Ask again with the same operation to learn how it ended.',
  ],
  'operation-superseded': [
    'cancel',
    'conflict',
    'Operation {operation} was given up for another one before it was begun; it is not done.',
  ],
  'verb-timeout': [
    'wait',
    'remote-server-timeout',
    '{verb} did not end within {timeoutS} s; it may still take effect.',
  ],
  // Guests.
  'guest-not-found': ['cancel', 'item-not-found', 'There is no guest {guest} on {host}.'],
  'guest-exists': ['cancel', 'conflict', 'There is a guest {guest} on {host} already.'],
  'guest-wrong-state': ['cancel', 'conflict', 'The guest {guest} is {state}; {verb} needs it {needed}.'],
  'guest-definition': ['modify', 'not-acceptable', 'The definition cannot be used: {problem}.'],
  'guest-params': ['cancel', 'not-acceptable', 'The guest {guest} cannot be given boot parameters: {problem}.'],
  'guest-not-stopped': [
    'wait',
    'remote-server-timeout',
    'The guest {guest} was asked to shut down and was still {state} after {waitedS} s.',
  ],
  'guest-agent-silent': ['wait', 'recipient-unavailable', 'The guest agent of {guest} does not answer: {problem}.'],
  'migration-unfit': ['cancel', 'not-acceptable', 'The guest {guest} cannot move to {to}: {problem}.'],
  'migration-failed': [
    'cancel',
    'undefined-condition',
    'The guest {guest} did not move, and is where it was: {problem}.',
  ],
  'clone-unfit': ['cancel', 'not-acceptable', 'The guest {guest} cannot be cloned: {problem}.'],
  'program-failed': ['cancel', 'not-acceptable', 'The guest {guest} cannot run {program}: {problem}.'],
  'program-late': [
    'wait',
    'remote-server-timeout',
    '{program} in the guest {guest} did not end within {timeoutS} s: {problem}.',
  ],
  // Snapshots and images.
  'snapshot-not-found': ['cancel', 'item-not-found', 'The guest {guest} has no snapshot {snapshot}.'],
  'snapshot-exists': ['cancel', 'conflict', 'The guest {guest} has a snapshot {snapshot} already.'],
  'snapshot-unfit': ['cancel', 'not-acceptable', 'It cannot be done with snapshots of the guest {guest}: {problem}.'],
  'image-not-found': ['cancel', 'item-not-found', 'There is no image {image} on {host}.{hint}'],
  'image-unfit': ['modify', 'not-acceptable', 'A guest of {driver} cannot be made from the image {image}: {problem}.'],
  // Consoles.
  'console-missing': ['cancel', 'item-not-found', 'The guest {guest} has no serial console that can be read.'],
  'console-closed': ['cancel', 'conflict', 'The guest {guest} is {state}; its console takes no input.'],
  // Jobs.
  'job-not-found': ['cancel', 'item-not-found', 'There is no job {job}.'],
  'job-ended': ['cancel', 'conflict', 'Job {job} has ended: {outcome}.'],
  'job-cancelled': ['cancel', 'not-allowed', 'Job {job} was cancelled.'],
  'job-failed': ['cancel', 'undefined-condition', 'Job {job} of {host} ended with {outcome}: {problem}.'],
  // Hosts.
  'host-not-found': ['cancel', 'item-not-found', 'There is no host {host}.'],
  'host-unreachable': ['wait', 'recipient-unavailable', 'The host {host} cannot be reached: {problem}.'],
  'host-command': ['cancel', 'internal-server-error', 'The host refused: {problem}.'],
  'host-output': ['cancel', 'internal-server-error', 'The host answered in a form that is not understood: {problem}.'],
  'host-timeout': ['wait', 'remote-server-timeout', 'The host did not answer within {timeoutS} s: {command}.'],
  'host-space': ['wait', 'resource-constraint', 'There is no room left to write: {problem}.'],
  'host-exists': ['cancel', 'conflict', 'There is a host {host} already.'],
  'token-refused': ['auth', 'not-authorized', 'The host {host} may not join: {problem}.'],
  // Roles.
  'role-not-found': ['cancel', 'item-not-found', 'There is no role {role}.'],
  'grant-not-found': ['cancel', 'item-not-found', '{jid} does not have the role {role}.'],
  'role-last-admin': ['cancel', 'not-allowed', 'Nobody would be left who may give roles.'],
  'policy-late': ['cancel', 'conflict', 'The policy is of version {version}, and {newest} is known.'],
  // Schedules.
  'schedule-not-found': ['cancel', 'item-not-found', 'There is no schedule {schedule}.'],
  'schedule-exists': ['cancel', 'conflict', 'There is a schedule {schedule} already; remove it first.'],
  // Reports of agents to central.
  'report-gap': ['cancel', 'unexpected-request', 'The report does not follow the one before: a snapshot is due.'],
  'report-late': ['cancel', 'conflict', 'The report is of epoch {epoch}, and {newest} has begun.'],
  // Boot chains.
  'chain-file': ['modify', 'not-acceptable', 'The chain {file} cannot be used: {problem}.'],
  'chain-node-unknown': ['cancel', 'item-not-found', 'The chain {chain} has no node {node}.{hint}'],
  'cold-start-late': ['cancel', 'conflict', 'What starts at boot is of version {version}, and {newest} is known.'],
  'chain-not-found': ['cancel', 'item-not-found', 'There is no chain {chain}.{hint}'],
  'chain-running': [
    'cancel',
    'conflict',
    'The chain {chain} is being run ({run}): cancel that first, or wait until it has ended.',
  ],
  'chain-not-running': ['cancel', 'conflict', 'No run of the chain {chain} is going on.'],
  'chain-conflict': [
    'cancel',
    'conflict',
    'The chain {other} wants {node} {goal}, and is going on: {chain} cannot want the opposite.',
  ],
  'chain-failed': ['cancel', 'undefined-condition', 'The chain {chain} is {outcome}: {problem}.'],
  'chain-too-large': ['cancel', 'policy-violation', 'The chain {chain} has {what}; a picture has at most {most}.'],
  'probes-late': ['cancel', 'conflict', 'The probes are of version {version}, and {newest} is known.'],
  // Networks and routers.
  'network-not-found': ['cancel', 'item-not-found', 'There is no network {network}.{hint}'],
  'network-exists': ['cancel', 'conflict', 'There is a network {network} already.'],
  'network-in-use': ['cancel', 'conflict', 'The network {network} is used by {users}: {how}.'],
  'network-subnet': ['modify', 'not-acceptable', 'The subnet {subnet} cannot be used: {problem}.'],
  'network-stopped': ['cancel', 'conflict', 'The network {network} is stopped.'],
  'network-clash': [
    'cancel',
    'conflict',
    'There is {what} {name} on {host}, and Skerry did not make it: it is left alone.',
  ],
  'network-missing': ['cancel', 'item-not-found', 'There is no link {link} on {host}: {problem}.'],
  'network-host': ['cancel', 'internal-server-error', 'The host {host} could not do its part: {problem}.'],
  'address-outside': ['modify', 'not-acceptable', '{address} cannot be used: {problem}.'],
  'address-taken': ['cancel', 'conflict', '{address} is taken by {owner}.'],
  'port-not-found': ['cancel', 'item-not-found', '{guest} has no interface {what}.'],
  'router-not-found': ['cancel', 'item-not-found', 'There is no router {router}.{hint}'],
  'router-exists': ['cancel', 'conflict', 'There is a router {router} already.'],
  'router-in-use': ['cancel', 'conflict', 'The router {router} is used by {users}: {how}.'],
  'router-held': [
    'cancel',
    'conflict',
    'The router {router} may still run on {host}, which is not heard, and two would have its public address. See that {host} is off, or cut off, and then: {how}.',
  ],
  'addresses-spent': ['cancel', 'resource-constraint', '{network} has no {what} left to give.'],
  'network-too-large': ['cancel', 'policy-violation', 'There are {what}; a picture has at most {most}.'],
  'picture-not-sent': ['wait', 'undefined-condition', 'The picture cannot be sent: {problem}.'],
  'router-entry': ['cancel', 'item-not-found', 'The router {router} has no {what}.'],
  // Volumes.
  'volume-not-found': ['cancel', 'item-not-found', 'There is no volume {volume} on {host}.'],
  'volume-in-use': ['cancel', 'conflict', 'The volume {volume} is used by {clients}: {how}.'],
  'volume-export': ['cancel', 'internal-server-error', 'The volume {volume} cannot be exported: {problem}.'],
  'volume-folder': ['cancel', 'internal-server-error', 'The volumes of {host} cannot be read: {problem}.'],
  // The way to the server.
  'server-unreachable': [
    'wait',
    'remote-server-not-found',
    'The XMPP server at {service} cannot be reached: {problem}.',
  ],
  'tls-missing': ['cancel', 'policy-violation', 'The XMPP server at {service} offers no TLS; nothing was sent to it.'],
  'tls-untrusted': [
    'cancel',
    'policy-violation',
    'The certificate of the XMPP server at {service} is not to be trusted: {problem}.',
  ],
  'login-refused': ['auth', 'not-authorized', 'The XMPP server did not accept {account}: {problem}.'],
  'not-connected': ['wait', 'recipient-unavailable', 'There is no connection to the XMPP server at the moment.'],
  'no-answer': ['wait', 'remote-server-timeout', '{peer} did not answer within {timeoutS} s.'],
  'stanza-too-large': [
    'modify',
    'policy-violation',
    'It is too large for the XMPP server: {sizeKiB} KiB, at most {limitKiB} KiB.',
  ],
  'peer-refused': ['cancel', 'undefined-condition', '{peer} answered {condition}: {problem}.'],
  // This program.
  'config-invalid': ['cancel', 'not-acceptable', '{file}: {problem}.'],
  'setup-needed': ['cancel', 'not-acceptable', '{problem}.'],
  internal: ['cancel', 'internal-server-error', 'A fault of the program, logged as {id}.'],
} as const satisfies Record<string, readonly [ErrorType, string, string]>;

export type FailureCode = keyof typeof FAILURES;
export type Details = Readonly<Record<string, string | number | undefined>>;

/** Whether a word names a row of the table; safe for words off the wire. */
export const isFailureCode = (word: string): word is FailureCode => Object.hasOwn(FAILURES, word);

/** The text of a failure with its details filled in; a detail that is missing reads `?`. */
export function failureText(code: FailureCode, details: Details = {}): string {
  return FAILURES[code][2]
    .replace(/\{(\w+)\}/g, (_, word: string) => (Object.hasOwn(details, word) ? String(details[word] ?? '?') : '?'))
    .replace(/([.!?])\.$/, '$1');
}

/** Something that can go wrong in operation, named by a row of the table. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly details: Details;

  constructor(code: FailureCode, details: Details = {}, options?: ErrorOptions) {
    super(failureText(code, details), options);
    this.name = 'Failure';
    this.code = code;
    this.details = details;
  }
}

/** A message for a person, of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
