"""The C library's heap between steps: what one step frees the next one asks for again.

glibc gives the end of its heap back to the system once enough of it is free, which it is after every step; the next
step then gets it page by page, each empty and cleared. Elsewhere nothing here does anything.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

# Of malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# The most that glibc takes. Its own threshold rises to this as large blocks are freed, until one of ours is set.
_LARGEST_IN_HEAP = 32 << 20
_NEVER = -1


@functools.cache
def keep() -> None:
    """From now on this process keeps the memory that is free at the end of its heap, until ``give_back``.

    Whoever has set thresholds by MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_ or GLIBC_TUNABLES keeps theirs.
    """
    own = any(name in os.environ for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"))
    if not own and "glibc.malloc" not in os.environ.get("GLIBC_TUNABLES", ""):
        _call("mallopt", _MMAP_THRESHOLD, _LARGEST_IN_HEAP)
        _call("mallopt", _TRIM_THRESHOLD, _NEVER)


def give_back() -> None:
    """Give free memory, also that between what is in use, back to the system."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name)(*arguments)
    except (OSError, AttributeError, TypeError):
        return None
