/**
 * Addresses (RFC 7622) as text. The local and domain parts compare without case here, which is what servers do for the
 * names that Skerry gives out; the resource part compares as it is.
 */

const slashOf = (jid: string): number => {
  const slash = jid.indexOf('/');
  return slash < 0 ? jid.length : slash;
};

/** `user@domain` of `user@domain/resource`, in lower case. */
export const bareOf = (jid: string): string => jid.slice(0, slashOf(jid)).toLowerCase();

/** What stands before the `@`; empty where there is none. */
export const localpartOf = (jid: string): string => {
  const bare = bareOf(jid);
  return bare.includes('@') ? bare.slice(0, bare.indexOf('@')) : '';
};

export const domainpartOf = (jid: string): string => {
  const bare = bareOf(jid);
  return bare.slice(bare.indexOf('@') + 1);
};

/** What stands behind the first `/`; empty where there is none. */
export const resourceOf = (jid: string): string => jid.slice(slashOf(jid) + 1);

/** The same address, written in one way. */
export const normalised = (jid: string): string => bareOf(jid) + jid.slice(slashOf(jid));

export const sameJid = (a: string, b: string): boolean => normalised(a) === normalised(b);
export const sameBare = (a: string, b: string): boolean => bareOf(a) === bareOf(b);

/**
 * Whether a text can be an address: parts of 1 to 1023 bytes, no blanks, none of what RFC 7622 forbids. Its PRECIS profiles are left to
 * the server, which knows them.
 */
export function isJid(text: string): boolean {
  const bare = text.slice(0, slashOf(text));
  const parts = [...bare.split('@'), ...(text.includes('/') ? [resourceOf(text)] : [])];
  const isSized = parts.every((part) => part.length > 0 && Buffer.byteLength(part) <= 1023);
  const isV6 = /@?\[[0-9a-f:.]+\]$/i.test(bare);
  const name = isV6 ? bare.slice(0, bare.lastIndexOf('[')) : bare;
  return isSized && bare.split('@').length <= 2 && !/[\s"&'<>:\p{Cc}]/u.test(name) && !/\p{Cc}/u.test(text);
}
