import { messageOf } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';

/** Beyond this, certificates and the order of records are in doubt. */
const SKEW_S_MAX = 30;

/** Compare this host's clock with its server's. */
export async function clockFinding(askServer: () => Promise<number>, now: () => number): Promise<Finding> {
  const check = 'clock';
  const mend = 'set the time by NTP on both, for example with chrony or systemd-timesyncd';
  try {
    const beganAtMs = now();
    const theirsMs = await askServer();
    const skewS = Math.round(((beganAtMs + now()) / 2 - theirsMs) / 1000);
    if (Math.abs(skewS) <= SKEW_S_MAX) return { check, verdict: 'ok', found: `within ${SKEW_S_MAX} s of the server's` };
    const found = `${Math.abs(skewS)} s ${skewS > 0 ? 'ahead of' : 'behind'} the server's`;
    return { check, verdict: 'wrong', found, mend };
  } catch (error) {
    return { check, verdict: 'warning', found: `the server's cannot be asked: ${messageOf(error)}`, mend };
  }
}
