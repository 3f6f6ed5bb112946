/**
 * Properties as the engine gives them throw when an unknown is read, which would end the whole policy with a warning: one unknown
 * annotation, and no rule sees the image beside it. So they are copied, with `notYetKnown` in the place of each unknown.
 */
import { notYetKnown } from '@portolan/components/rules';

export function readProperties(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from({ length: value.length }, (_, index) => readOne(value, index));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.keys(value).map((key) => [key, readOne(value, key)]));
}

function readOne(holder: object, key: string | number): unknown {
  let value: unknown;
  try {
    value = Reflect.get(holder, key);
  } catch {
    return notYetKnown; // reading a plain property throws for no other reason
  }
  return readProperties(value);
}
