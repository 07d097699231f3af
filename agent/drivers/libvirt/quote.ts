import { Failure } from '#shared/errors.ts';

/** What a session's line may hold: readline acts on control characters, and a line has one end. */
const LINE_SAFE = /^[^\p{Cc}\p{Cs}\u2028\u2029]*$/u;

/**
 * One word of a virsh command line, so that virsh reads exactly that word.
 *
 * Shape: within double quotes virsh knows two escapes, `\"` and `\\`; everything else stands for itself.
 * @throws Failure host-command for text that no line can hold
 * Source: vshCommandStringGetArg in libvirt's tools/vsh.c
 */
export function quote(word: string): string {
  if (!LINE_SAFE.test(word)) {
    throw new Failure('host-command', {
      problem: `${JSON.stringify(word)} has a character that virsh cannot be given`,
    });
  }
  return `"${word.replace(/[\\"]/g, '\\$&')}"`;
}

/** One command for virsh: its name and its words. */
export const commandLine = (words: readonly string[]): string => words.map(quote).join(' ');
