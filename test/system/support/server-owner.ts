import { testServer } from './server.ts';

// A program that starts a server, for a test that kills it.
const { pid, folder } = await testServer({ accounts: [] });
process.send?.({ pid, folder });
