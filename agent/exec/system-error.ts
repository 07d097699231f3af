/** The system's word for what went wrong, such as ENOENT. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

/** Whether a file or a folder is not there. */
export const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT';
