import { type Export, formatOf, type VolumeFormat } from '#shared/model/volume.ts';

/** A volume as it lies in the folder. */
export interface VolumeFile {
  name: string;
  format: VolumeFormat;
  /** What whoever uses it sees. */
  sizeBytes: number;
  /** What it takes of the disk. */
  usedBytes: number;
  /** The image that it is written on top of. */
  backing?: string;
  /** Why nothing is known of it but its name. */
  problem?: string;
}

/** Of a volume that cannot be read. */
export const nothingOf = (name: string, problem: string): VolumeFile => ({
  ...{ name, format: formatOf(name), sizeBytes: 0, usedBytes: 0, problem },
});

/** What a host must be able to do with volumes. It fails with Failure only. */
export interface VolumeDriver {
  /** One that cannot be read is listed with why. @throws Failure volume-folder */
  list(signal: AbortSignal): Promise<VolumeFile[]>;
  /** @throws Failure volume-not-found, host-command, host-output, host-timeout */
  read(volume: string, signal: AbortSignal): Promise<VolumeFile>;
  /**
   * Have a server for it that answers, and that stays up by itself; one that serves so already is left alone.
   * @throws Failure volume-not-found, volume-export, host-command, host-timeout
   */
  serve(wanted: Export, signal: AbortSignal): Promise<void>;
  /** Resolves when nothing of its server is left. Nothing happens where there is none. */
  end(volume: string, signal: AbortSignal): Promise<void>;
  /** Volumes that have a server, or what is left of one. */
  served(signal: AbortSignal): Promise<string[]>;
  /** What is wrong with its server, in words; undefined where it answers as wanted. */
  problemOf(wanted: Export, signal: AbortSignal): Promise<string | undefined>;
  /** Where connections to it come from. */
  clientsOf(wanted: Export, signal: AbortSignal): Promise<string[]>;
}
