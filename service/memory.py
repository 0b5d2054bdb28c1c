"""Memory of a process that serves for weeks: what Python's collector looks at, and what glibc keeps."""

import ctypes
import gc
import re
import sys
from pathlib import Path

_THRESHOLDS = 1_000, 10, 5
"""New objects until the young are collected, and how often that is until older ones are: soon enough that what
refusals leave in cycles, tracebacks with the bodies that they refused, does not pile up."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_CODE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]\d* +/(?!memfd:)", re.MULTILINE)
"""A line of `/proc/self/maps` for machine code that lies in a file; what a compiler wrote at run time does not."""
_MADV_DONTNEED = 4
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


def let_go_of_code() -> None:
    """Let the kernel take back the machine code of all libraries: much of it ran once, while they were loaded.

    What runs again is mapped again, from the files that the kernel has in its cache: of 150 MB some 40 come back, in
    milliseconds. Elsewhere it does nothing.
    """
    if sys.platform == "linux" and (madvise := getattr(ctypes.CDLL(None), "madvise", None)):
        madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        for start, end in _CODE.findall(Path("/proc/self/maps").read_text()):
            madvise(int(start, 16), int(end, 16) - int(start, 16), _MADV_DONTNEED)
