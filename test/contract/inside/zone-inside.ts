import { ZONE_MARKER } from '#provisioning/zones/root.ts';
import { parameterOf } from '#shared/model/boot-parameter.ts';
import type { DriverHarness } from '../driver-harness.ts';

/** What the small root for zones shows and takes on its console. */
export const ZONE_CONSOLE: NonNullable<DriverHarness['console']> = {
  up: ZONE_MARKER,
  type: '\recho $((40 + 2))-answered\r',
  shows: '42-answered',
};

/** What came to the environment of its init, in base64, since a console may break lines and change bytes. */
export const ZONE_PARAMETERS: NonNullable<DriverHarness['parametersInside']> = {
  type: '\rfor p in $(tr "\\0" "\\n" </proc/1/environ | sed -n "s/^SKERRY_PARAMS=//p"); do echo "<$(tr "\\0" "\\n" </proc/1/environ | grep "^$p=" | base64 -w0)>"; done; echo end-$((40 + 2))\r',
  end: 'end-42',
  read: (shown) =>
    [...shown.replace(/[\r\n]/g, '').matchAll(/<([\w+/=]+)>/g)].map(([, text = '']) =>
      parameterOf(Buffer.from(text, 'base64').toString().trim()),
    ),
};
