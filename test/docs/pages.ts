import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AgentConfig } from '#agent/config.ts';
import { CentralConfig } from '#central/config.ts';
import { configReference } from '#shared/config/reference.ts';
import { chainJsonSchema } from '#shared/model/chain.ts';
import { chainPage } from './chain-page.ts';
import { failuresPage } from './failures-page.ts';
import { pageOf } from './markdown.ts';
import { agentVerbsPage, verbsPage } from './verbs-page.ts';

/** The pages that are made of the tables, by their place in the tree, and what each should hold. */
export const PAGES: Readonly<Record<string, () => string>> = {
  'docs/verbs.md': verbsPage,
  'docs/agent-verbs.md': agentVerbsPage,
  'docs/failures.md': failuresPage,
  'docs/chain-file.md': chainPage,
  'docs/chain.schema.json': () => `${JSON.stringify(chainJsonSchema(), undefined, 2)}\n`,
  'docs/agent-config.md': () =>
    pageOf('The configuration of an agent', 'agent/config-schema.ts', [
      'A YAML file, given by `--config`. Paths in it are relative to it. `--check` reads it and says what is wrong.\nagent/agent.example.yaml is one to begin with; [install.md](install.md) says how an agent is set up.',
      configReference(AgentConfig).trimEnd(),
    ]),
  'docs/central-config.md': () =>
    pageOf('The configuration of central', 'central/config-schema.ts', [
      'A YAML file, given by `--config`. Paths in it are relative to it. `--check` reads it and says what is wrong.\ncentral/central.example.yaml is one to begin with; [central.md](central.md) says what central is.',
      configReference(CentralConfig).trimEnd(),
    ]),
};

const fileOf = (page: string): string => fileURLToPath(new URL(`../../${page}`, import.meta.url));

export function textIn(page: string): string {
  try {
    return readFileSync(fileOf(page), 'utf8');
  } catch {
    return '';
  }
}

export const stalePages = (): string[] =>
  Object.entries(PAGES).flatMap(([page, made]) => (textIn(page) === made() ? [] : [page]));

/** @returns which pages changed */
export function writePages(): string[] {
  const stale = stalePages();
  for (const page of stale) writeFileSync(fileOf(page), PAGES[page]?.() ?? '');
  return stale;
}
