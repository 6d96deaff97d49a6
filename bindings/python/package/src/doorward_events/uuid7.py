"""UUIDs version 7: made once, in the order of time, stable across every resend."""

from __future__ import annotations

import secrets
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = (0, 0)
# The bits that count up within a millisecond: 12 before the variant, 30 after it.
_COUNTER_BITS = 42


def uuid7() -> str:
    """A new UUID version 7 (RFC 9562, section 5.7). Within one process later ones sort after
    earlier ones, also within a millisecond and when the clock is set back."""
    global _last
    now = time.time_ns() // 1_000_000
    with _lock:
        millisecond, counter = _last
        fresh = secrets.randbits(_COUNTER_BITS - 4)
        if now > millisecond:
            millisecond, counter = now, fresh
        else:
            counter += 1
            if counter >> _COUNTER_BITS:
                millisecond, counter = millisecond + 1, fresh
        _last = (millisecond, counter)
    high, low = counter >> 30, counter & 0x3FFFFFFF
    bits = millisecond << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 32
    return str(UUID(int=bits | secrets.randbits(32)))
