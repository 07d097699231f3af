import type { VerbTable } from '#shared/verb/verb.ts';
import { consoleVerbs } from './console.ts';
import { guestVerbs } from './guest.ts';
import { hostVerbs } from './host.ts';
import { jobVerbs } from './job.ts';

/** What an agent answers on its own JID: the direct way. */
export const agentVerbs = { ...hostVerbs, ...guestVerbs, ...consoleVerbs, ...jobVerbs } satisfies VerbTable;
export type AgentVerbs = typeof agentVerbs;
