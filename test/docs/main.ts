/**
 * Make the pages of docs/ that come from tables: `npm run docs`; with `--check`, only say which are not fresh.
 *
 * It stands under test/ since it reads agent and shared alike, which nothing that is shipped may do.
 */
import { parseArgs } from 'node:util';
import { stalePages, writePages } from './pages.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const pages = values.check ? stalePages() : writePages();
for (const page of pages)
  process.stdout.write(`${page} ${values.check ? 'is not fresh: npm run docs' : 'was made anew'}\n`);
process.exitCode = values.check && pages.length > 0 ? 1 : 0;
