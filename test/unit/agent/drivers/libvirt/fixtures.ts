import { recordingsIn } from '../recordings.ts';

export const { recorded, parsesRecordings } = recordingsIn('virsh');
