import type { RigFile } from './rig-file.ts';

/** A rig that is up. */
export interface Site {
  readonly rig: RigFile;
  /** A line on how guests run, and why. */
  readonly accelerator: string;
  readonly guests: ReadonlyMap<string, readonly string[]>;
  /** Take it down in order: guests, agents, hosts, the server, the doors. */
  stop(): Promise<void>;
}
