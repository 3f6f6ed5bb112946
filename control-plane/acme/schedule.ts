/**
 * When a certificate is renewed, when a failure is tried again, and when somebody must look. Pure; times are ms since epoch.
 */
const MINUTE_MS = 60_000;
const BACK_OFF = { first: MINUTE_MS, most: 360 * MINUTE_MS } as const;
/** Renewals of many planes must not come at once: spread over this part of a certificate's life. */
const SPREAD = 1 / 24;
const RENEW_AT = 2 / 3;
const LATE_AT = 3 / 4;

export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * At two thirds of its life and a little more, and never within the next hour (or third of its life, if that is less): a clock that is wrong, or a CA
 * whose certificates are old when they come, must not make us order without end. `chance`: 0 to 1.
 */
export function renewAt({ notBefore, notAfter }: Validity, now: number, chance: number): number {
  const life = notAfter - notBefore;
  const planned = notBefore + life * (RENEW_AT + chance * SPREAD);
  return Math.round(Math.max(planned, now + Math.min(60 * MINUTE_MS, life / 3)));
}

/** Past three quarters of its life nothing but a failure has kept it from being renewed. */
export const isLate = ({ notBefore, notAfter }: Validity, now: number): boolean =>
  now > notBefore + (notAfter - notBefore) * LATE_AT;

/** How long to wait after the `failures`th failure in a row: 1 min, doubled each time, 6 h at most; never less than the server asks for. */
export const backOffMs = (failures: number, askedForMs = 0): number =>
  Math.max(Math.min(BACK_OFF.first * 2 ** Math.max(0, failures - 1), BACK_OFF.most), askedForMs);
