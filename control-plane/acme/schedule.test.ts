import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dnsNameOf, planesOf } from './planes.ts';
import { backOffMs, isLate, renewAt } from './schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('when', () => {
  test('a certificate is renewed: from two thirds of its life on, before anybody is told, and spread', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: HOUR, max: 400 * DAY }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (life, chance) => {
          const validity = { notBefore: 0, notAfter: life };
          const at = renewAt(validity, 0, chance);
          expect(at).toBeGreaterThanOrEqual(Math.round((life * 2) / 3));
          expect(isLate(validity, at)).toBe(false);
        },
      ),
    );
    expect(renewAt({ notBefore: 0, notAfter: 90 * DAY }, 0, 0)).toBe(60 * DAY);
    expect(renewAt({ notBefore: 0, notAfter: 90 * DAY }, 0, 1)).toBe(63.75 * DAY);
  });

  test('one that is old when it comes is not renewed at once, again and again', () => {
    expect(renewAt({ notBefore: 0, notAfter: 90 * DAY }, 80 * DAY, 0)).toBe(80 * DAY + HOUR);
    expect(renewAt({ notBefore: 0, notAfter: HOUR }, 50 * MINUTE, 0)).toBe(70 * MINUTE);
  });

  test('a failure is tried again: after a minute, twice as long each time, six hours at most, never before the server says', () => {
    const waits = Array.from({ length: 12 }, (_, i) => backOffMs(i + 1) / MINUTE);
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]);
    expect(backOffMs(1, 3 * HOUR)).toBe(3 * HOUR);
    expect(backOffMs(20, MINUTE)).toBe(6 * HOUR);
  });
});

describe('for whom', () => {
  test('the control plane first, each for the host of its registered URL and no other', () => {
    const gateways = [
      { name: 'aws', url: 'https://AWS.example.com:8443' },
      { name: 'lab', url: 'https://10.0.0.7' },
      { name: 'six', url: 'https://[::1]:8443' },
      { name: 'home', url: 'https://localhost:8443' },
    ];
    expect(planesOf('https://control.example.com', gateways)).toEqual([
      { plane: 'control', name: 'control.example.com' },
      { plane: 'aws', name: 'aws.example.com' },
    ]);
    expect(planesOf(undefined, [])).toEqual([]);
    expect(dnsNameOf('https://gw.example.com.')).toBe('gw.example.com');
  });
});
