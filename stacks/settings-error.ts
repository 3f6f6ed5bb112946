/** Settings that cannot be used; shown without a stack trace, because the fault is in the settings. */
import { RunError } from '@pulumi/pulumi';

export class SettingsError extends RunError {}
