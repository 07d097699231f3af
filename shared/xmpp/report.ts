import xml, { type Element } from '@xmpp/xml';
import { Report } from '#shared/model/report.ts';
import { asked } from './asked.ts';
import type { Entity } from './entity.ts';
import { bareOf } from './jid.ts';
import { jsonIn, parseJsonIn } from './json-container.ts';

/** Reports of agents to central, and central's request for one: `<report/>` holds JSON. */
export const REPORT_NS = 'urn:skerry:report:1';

export const reportElement = (report: Report): Element => jsonIn('report', REPORT_NS, report);

/** @throws Failure bad-payload */
export const parseReport = (element: Element): Report => parseJsonIn(element, Report);

/**
 * Give a report to central; resolves when central has it on its disk.
 * @throws Failure report-gap, report-late, no-answer, not-connected; peer-refused
 */
export async function sendReport(
  entity: Pick<Entity, 'request'>,
  central: string,
  report: Report,
  signal?: AbortSignal,
): Promise<void> {
  const child = reportElement(report);
  await asked(central, () => entity.request({ to: central, type: 'set', child, ...(signal ? { signal } : {}) }));
}

/** Take reports. `take` gets the bare JID that the server stamped: nothing in a report says whose it is. */
export function serveReports(
  entity: Pick<Entity, 'serve'>,
  take: (from: string, report: Report) => Promise<void>,
): void {
  entity.serve('set', REPORT_NS, 'report', async ({ from, child }) => {
    await take(bareOf(from), parseReport(child));
    return undefined;
  });
}

/**
 * Ask an agent to report now.
 * @param life another one with each connection of central: what was reported to the one before may have no answer
 * @throws Failure, StanzaError: it is not there
 */
export const requestReport = (
  entity: Pick<Entity, 'request'>,
  from: string,
  to: string,
  life: string,
): Promise<Element> => entity.request({ from, to, type: 'get', child: xml('report', { xmlns: REPORT_NS, life }) });
