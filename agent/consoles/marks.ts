import type { Settings } from '#agent/journal/settings.ts';
import type { Marks } from './kept-console.ts';

/** Marks of consoles among the small things that the agent keeps. */
export const consoleMarks = (settings: Settings): Marks => ({
  get: (id) => Buffer.from(settings.get(keyOf(id)) ?? '', 'base64'),
  set: (id, mark) => {
    const text = Buffer.from(mark).toString('base64');
    if (settings.get(keyOf(id)) !== text) settings.set(keyOf(id), text);
  },
});

const keyOf = (id: string): string => `console mark of ${id}`;
