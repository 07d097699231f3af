import { createReadStream } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';

const DIST = path.join(path.dirname(fileURLToPath(import.meta.resolve('converse.js'))));
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
};

export interface ConversePage {
  page: Page;
  close(): Promise<void>;
}

/** Converse.js (npm) in headless Chromium (Debian), logged in through the rig's WebSocket, its window of commands open. */
export async function conversePage(
  account: { jid: string; password: string },
  websocketUrl: string,
): Promise<ConversePage> {
  const server = await serveDist(pageOf(account, websocketUrl));
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    server.closeAllConnections();
    server.close();
  };
  try {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: QUIET });
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.locator('.show-client-info').first().click({ timeout: 60_000 });
    await page.locator('#commands-tab').click();
    return { page, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** List the commands of a JID in that window. */
export async function listCommands(page: Page, jid: string): Promise<string[]> {
  await page.locator('converse-adhoc-commands input[name=jid]').fill(jid);
  await page.keyboard.press('Tab');
  await page.locator('converse-adhoc-commands input[type=submit]').click();
  await page.locator('converse-adhoc-commands [data-command-node]').first().waitFor();
  return page
    .locator('converse-adhoc-commands [data-command-node]')
    .evaluateAll((links) => links.map((link) => link.getAttribute('data-command-node') ?? ''));
}

/** No sandbox: tests run as root. The rest keeps Chromium from calling anybody by itself. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

function pageOf(account: { jid: string; password: string }, websocketUrl: string): string {
  const settings = {
    authentication: 'login',
    auto_login: true,
    jid: account.jid,
    password: account.password,
    websocket_url: websocketUrl,
    discover_connection_methods: false,
    assets_path: '/dist/',
    view_mode: 'fullscreen',
    show_client_info: true,
    allow_adhoc_commands: true,
    loglevel: 'warn',
    i18n: 'en',
    auto_reconnect: false,
  };
  return `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/dist/converse.min.css"><body class="converse-fullscreen">
<converse-root></converse-root><script type="module">import converse from '/dist/converse.min.js';
converse.initialize(${JSON.stringify(settings).replaceAll('<', '\\u003c')})</script>`;
}

async function serveDist(html: string): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.pathname === '/') return void response.setHeader('content-type', 'text/html').end(html);
    const file = path.join(DIST, path.normalize(url.pathname.replace(/^\/dist\//, '/')));
    response.setHeader('content-type', TYPES[path.extname(file)] ?? 'application/octet-stream');
    createReadStream(file)
      .on('error', () => response.writeHead(404).end())
      .pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
