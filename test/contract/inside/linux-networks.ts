import { networkDriverContract } from '../network-driver-contract.ts';
import { linuxHarness } from './linux-harness.ts';

networkDriverContract('linux', () => linuxHarness());
