import { ok, wrong } from '#shared/doctor/findings.ts';
import type { Finding } from '#shared/model/host.ts';
import type { TlsLook } from '../tls/look.ts';

/** What a server shows to whoever dials it. @param mend what makes its certificate right */
export function tlsFindings({ chain, problem, protocol, features }: TlsLook, domain: string, mend: string): Finding[] {
  const plain = [...features.matchAll(/<mechanism>([^<]*)<\/mechanism>/g)].map(([, name]) => name ?? '');
  const scram = plain.filter((name) => name.startsWith('SCRAM-'));
  return [
    problem === undefined
      ? ok('TLS', `${protocol}, good for ${domain}, by ${chain.at(-1)?.subject.replaceAll('\n', ', ') ?? 'nobody'}`)
      : wrong('TLS', `the certificate is not good for ${domain}: ${problem}`, mend),
    scram.length > 0
      ? ok('way to log in', scram.join(', '))
      : wrong(
          'way to log in',
          `no SCRAM: ${plain.join(', ') || 'none'}`,
          'auth_password_format: scram in ejabberd.yml',
        ),
  ];
}
