import type { Enrolment } from '#central/enrolment/enrolment.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { enrolmentVerbs } from '#shared/verbs/enrolment.ts';

export const enrolmentHandlers = (enrolment: Enrolment): Handlers<typeof enrolmentVerbs> => ({
  'host.enrol': ({ name, hours, again }, { requester }) => enrolment.enrol(name, hours, again, requester.bareJid),
  'host.forget': ({ host }) => enrolment.forget(host),
});
