"""Memory of a process that serves for weeks: what Python's collector looks at, and what glibc keeps."""

import ctypes
import gc
import sys

_YOUNG_OBJECTS = 10_000
"""After so many new objects the young are collected; a request makes about a hundred, and nearly none in cycles."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 16 * 2**20
_ARENAS = 2


def settle() -> None:
    """Let the collector pass by what is there: libraries and the application, which stay. Call it once all is loaded.

    Otherwise each full collection goes through some 300,000 of their objects, for up to 200 ms, while requests wait.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)


def bound_heap() -> None:
    """Let glibc give memory back: large blocks at once, and few arenas for all threads. Elsewhere it does nothing.

    By default it raises the size from which a block is large to that of any that was freed, up to 32 MB, and gives each
    thread an arena of its own: what one large request took would then stay for ever, in every thread once.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, 2**20)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)
