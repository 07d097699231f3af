import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { Report } from '#shared/model/report.ts';
import { asked } from './asked.ts';
import type { Entity } from './entity.ts';
import { bareOf } from './jid.ts';

/** Reports of agents to central, and central's request for one: `<report/>` holds JSON in a container of XEP-0335. */
export const REPORT_NS = 'urn:skerry:report:1';
const JSON_NS = 'urn:xmpp:json:0';

export const reportElement = (report: Report): Element =>
  xml('report', { xmlns: REPORT_NS }, xml('json', { xmlns: JSON_NS }, JSON.stringify(report)));

/** @throws Failure bad-payload */
export function parseReport(element: Element): Report {
  const text = element.getChildText('json', JSON_NS);
  if (text === null) throw new Failure('bad-payload', { problem: 'a report holds <json/> of urn:xmpp:json:0' });
  const parsed = Report.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Failure('bad-payload', { problem: `${issue?.path.join('.') || 'report'}: ${issue?.message}` });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('bad-payload', { problem: 'it is not JSON' });
  }
}

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

/** Ask an agent to report now. @throws Failure, StanzaError: it is not there */
export const requestReport = (entity: Pick<Entity, 'request'>, from: string, to: string): Promise<Element> =>
  entity.request({ from, to, type: 'get', child: xml('report', { xmlns: REPORT_NS }) });
