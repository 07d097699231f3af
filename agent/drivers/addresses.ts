/** Addresses less those that mean nothing outside the guest, each once. */
export const meaningful = (addresses: readonly string[]): string[] => [
  ...new Set(addresses.filter((each) => each !== '' && !/^(?:127\.|169\.254\.|::1$|fe[89ab])/i.test(each))),
];
