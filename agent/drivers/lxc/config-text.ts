import { Failure } from '#shared/errors.ts';

/**
 * A zone's configuration as its file has it: every line is kept, and only what is changed is written anew.
 *
 * Shape: `KEY = VALUE`, a line each; `#` begins a comment. LXC reads keys that begin with `lxc.` and passes over all others, so
 * that ours (`skerry.name`, `skerry.title`) may stand beside them. What a key says last holds; an empty value takes back what was said.
 * Source: lxc.container.conf(5)
 */
export type ZoneConfig = readonly string[];

interface Setting {
  key: string;
  value: string;
}

export const configOf = (text: string): ZoneConfig => text.replace(/\n$/, '').split('\n');
export const configText = (config: ZoneConfig): string => `${config.join('\n')}\n`;

/** A configuration that somebody hands over. @throws Failure guest-definition, naming the line that is none */
export function checkedConfig(text: string): ZoneConfig {
  const config = configOf(text);
  const wrong = config.findIndex((line) => !isBlank(line) && settingIn(line) === undefined);
  if (wrong >= 0)
    throw new Failure('guest-definition', {
      problem: `line ${wrong + 1} is not KEY = VALUE: ${excerpt(config[wrong])}`,
    });
  if (/[\0\r\u2028\u2029]/.test(text)) throw new Failure('guest-definition', { problem: 'it has a control character' });
  return config;
}

const excerpt = (line = ''): string => JSON.stringify(line.slice(0, 60));
const isBlank = (line: string): boolean => /^\s*(#.*)?$/su.test(line);

/** What a line sets. LXC takes off quotes that enclose a value of its own keys. */
export function settingIn(line: string): Setting | undefined {
  const [, key = '', raw = ''] = /^\s*([A-Za-z][\w.-]*)\s*=(.*)$/su.exec(line) ?? [];
  if (key === '') return undefined;
  const value = raw.trim();
  const quoted = key.startsWith('lxc.') ? /^(["'])(.*)\1$/su.exec(value)?.[2] : undefined;
  return { key, value: quoted ?? value };
}

export const settingsIn = (config: ZoneConfig): Setting[] => config.flatMap((line) => settingIn(line) ?? []);

/** What holds of a key; undefined where nothing was said, or it was taken back. */
export function settingOf(config: ZoneConfig, key: string): string | undefined {
  const value = settingsIn(config).findLast((setting) => setting.key === key)?.value;
  return value === '' ? undefined : value;
}

/** The configuration with that value in the place of the key's last one; without a value, the key is gone. */
export function withValue(config: ZoneConfig, key: string, value: string | undefined): ZoneConfig {
  const isOf = (line: string): boolean => settingIn(line)?.key === key;
  const place = config.findLastIndex(isOf);
  if (value === undefined) return config.filter((line) => !isOf(line));
  const line = `${key} = ${sayable(value)}`;
  if (place < 0) return [...(config.length === 1 && config[0] === '' ? [] : config), line];
  return config.flatMap((each, index) => (index === place ? line : isOf(each) ? [] : each));
}

/** The text itself, where a line of the file can hold it. @throws Failure guest-definition */
export function sayable(text: string): string {
  if (/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text))
    throw new Failure('guest-definition', { problem: `${JSON.stringify(text)} has a control character; leave it out` });
  return text;
}
