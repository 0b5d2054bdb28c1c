"""How the loops of this package are compiled: numba, to machine code that is kept on disk beside the source.

Every parallel loop writes to places of its own and sums are taken in a fixed order, so that results depend on neither
the number of threads nor their timing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy2
from typing import Any, Final, TypeVar, cast

import numba
from numba.core.caching import UserWideCacheLocator
from threadpoolctl import threadpool_limits

Function = TypeVar("Function", bound=Callable[..., Any])
prange: Final[type[range]] = numba.prange
"""`range` whose turns are shared by threads."""


def compiled(function: Function) -> Function:
    """The same function as machine code on one thread, beside which Python goes on; float32 in, float32 throughout."""
    return _compile(function, nogil=True)


def parallel(function: Function) -> Function:
    """The same function as machine code, its `prange` loops on all threads."""
    return _compile(function, parallel=True)


def threads() -> int:
    """How many threads `parallel` functions use now."""
    return int(numba.get_num_threads())


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Matrix products on the thread that calls them.

    The library's own threads spin while they wait for more, which takes the processors from the loops here.
    """
    with threadpool_limits(1, "blas"):
        yield


def _compile(function: Function, **options: Any) -> Function:
    try:
        return cast(Function, numba.njit(fastmath=True, cache=True, **options)(function))
    except RuntimeError:  # no folder that could hold it can be written to
        return cast(Function, numba.njit(fastmath=True, **options)(function))


class SeededCache(UserWideCacheLocator):
    """A user's cache that begins with what was compiled beside the source.

    For where files cannot be written: name it in `NUMBA_CACHE_LOCATOR_CLASSES`, as the Dockerfile does.
    """

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        super().__init__(function, source)  # type: ignore[no-untyped-call]
        folder = Path(self.get_cache_path())  # type: ignore[no-untyped-call]
        if not folder.exists():
            folder.mkdir(parents=True)
            for file in Path(source).parent.glob("__pycache__/*.nb*"):
                copy2(file, folder)
