import { Failure } from '#shared/errors.ts';

/** Where an XMPP server is met. */
export interface Service {
  host: string;
  port: number;
  directTls: boolean;
}

/** `xmpp.example.org`, `xmpp.example.org:5222`, `[2001:db8::1]:5222`. @throws Failure bad-argument */
export function serviceIn(text: string, directTls = false): Service {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s/]+))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(found?.[3] ?? (directTls ? 5223 : 5222));
  if (!found || port < 1 || port > 65_535)
    throw new Failure('bad-argument', { field: '--service', problem: `${text} is not like xmpp.example.org:5222` });
  return { host: found[1] ?? found[2] ?? '', port, directTls };
}
