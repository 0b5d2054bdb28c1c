"""Memory of a process that serves for weeks: what Python's collector looks at, and what glibc keeps."""

import ctypes
import gc
import sys

_THRESHOLDS = 1_000, 10, 5
"""New objects until the young are collected, and how often that is until older ones are: soon enough that what
refusals leave in cycles, tracebacks with the bodies that they refused, does not pile up."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE_BYTES, _KEPT_BYTES, _ARENAS = 16 * 2**20, 32 * 2**20, 1


def settle() -> None:
    """Let the collector pass by what is there: libraries and the application, which stay. Call it once all is loaded.

    Otherwise each full collection goes through some 200,000 of their objects, for 180 ms, while requests wait.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def bound_heap() -> None:
    """Let glibc keep the memory that requests need again and again, and no more. Elsewhere it does nothing.

    By default each block above 128 KB comes fresh from the kernel, page by page: reading 256 images from JSON then
    takes 10 ms instead of 4. It learns to keep such blocks, up to 32 MB, in an arena for each thread: what a few very
    large requests took then stays for ever. So: blocks below 16 MB are kept, up to 32 MB of them, in one arena for all.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)
