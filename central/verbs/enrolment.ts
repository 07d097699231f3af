import type { Enrolment } from '#central/enrolment/enrolment.ts';
import type { Together } from '#central/journal/journal.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { enrolmentVerbs } from '#shared/verbs/enrolment.ts';

export const enrolmentHandlers = (enrolment: Enrolment, together: Together): Handlers<typeof enrolmentVerbs> => ({
  'host.enrol': ({ name, hours, again }, { requester }) => enrolment.enrol(name, hours, again, requester.bareJid),
  'host.forget': ({ host }, call) => enrolment.forget(host, (answer) => together(call, answer)),
});
