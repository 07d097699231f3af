/** Takes back what was done, the last thing first, unless all went well. */
export interface UndoStack extends AsyncDisposable {
  /** How to take back what is about to be done. It is told whether what came after it could all be taken back. */
  add(what: string, undo: (isClean: boolean) => Promise<void>): void;
  /** All went well: nothing is taken back. */
  keep(): void;
}

/** @param failed is told of what could not be taken back; the rest is taken back all the same */
export function undoStack(failed: (what: string, error: unknown) => void): UndoStack {
  const steps: { what: string; undo: (isClean: boolean) => Promise<void> }[] = [];
  return {
    add: (what, undo) => void steps.push({ what, undo }),
    keep: () => {
      steps.length = 0;
    },
    [Symbol.asyncDispose]: async () => {
      let isClean = true;
      for (const { what, undo } of steps.splice(0).toReversed())
        try {
          await undo(isClean);
        } catch (error) {
          isClean = false;
          failed(what, error);
        }
    },
  };
}

/** One thing to be made. */
export interface Step {
  what: string;
  make(): Promise<unknown>;
  /** Takes it away, also where only half of it is there, or nothing. */
  remove(): Promise<unknown>;
  /** Whether making it failed because somebody else has one of that name: that one is left alone. */
  isTaken(error: unknown): boolean;
}

/** Make it, so that it can be taken back from before it is begun. */
export async function undoable(undo: UndoStack, { what, make, remove, isTaken }: Step): Promise<void> {
  let isOurs = true;
  undo.add(what, async () => {
    if (isOurs) await remove();
  });
  try {
    await make();
  } catch (error) {
    isOurs = !isTaken(error);
    throw error;
  }
}
