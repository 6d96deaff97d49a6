/** UUIDs version 7: made once, in the order of time, stable across every resend. */

import { randomBytes } from "node:crypto";

/** The bits of randomness that count up within a millisecond. */
const COUNTER_BITS = 42n;
let last = { millisecond: 0, counter: 0n };

/**
 * A new UUID version 7 (RFC 9562, section 5.7). Within one process later ones sort after earlier
 * ones, also within a millisecond and when the clock is set back.
 */
export function uuid7(now: number = Date.now()): string {
  const fresh = BigInt(`0x${randomBytes(5).toString("hex")}`) & ((1n << (COUNTER_BITS - 4n)) - 1n);
  if (now > last.millisecond) {
    last = { millisecond: now, counter: fresh };
  } else {
    last.counter += 1n;
    if (last.counter >> COUNTER_BITS !== 0n) last = { millisecond: last.millisecond + 1, counter: fresh };
  }
  // 12 bits of the counter stand before the variant, 30 after it.
  const high = (last.counter >> 30n) & 0xfffn;
  const low = last.counter & 0x3fffffffn;
  const random = BigInt(`0x${randomBytes(4).toString("hex")}`);
  const bits =
    (BigInt(last.millisecond) << 80n) | (0x7n << 76n) | (high << 64n) | (0b10n << 62n) | (low << 32n) | random;
  const hex = bits.toString(16).padStart(32, "0");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
