"""How the loops of this package are compiled: numba, to machine code that is kept on disk beside the source.

Every parallel loop writes to places of its own and sums are taken in a fixed order, so that results depend on neither
the number of threads nor their timing.

What is on the disk is taken for as long as processor and file of its function are the same: whoever changes this module
deletes `*.nb*` in the folders `__pycache__`, and no loop calls one of another file.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from platform import machine
from shutil import copy2
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numba.core import types
from numba.core.caching import UserWideCacheLocator
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Function = TypeVar("Function", bound=Callable[..., Any])
prange: Final[type[range]] = numba.prange
"""`range` whose turns are shared by threads."""

if machine() in {"x86_64", "AMD64"} and numba.config.CPU_FEATURES is None:  # type: ignore[attr-defined]
    # No gather instructions: where microcode guards them against data sampling, loads one by one take half as long. On
    # processors without such a guard that was not measured.
    _host = get_host_cpu_features()  # type: ignore[no-untyped-call]
    numba.config.CPU_FEATURES = f"{_host},+prefer-no-gather"  # type: ignore[attr-defined]


def compiled(function: Function) -> Function:
    """The same function as machine code on one thread, beside which Python goes on; float32 in, float32 throughout."""
    return _compile(function, nogil=True)


def exact(function: Function) -> Function:
    """As `compiled`, and its arithmetic is to the letter what is written."""
    return _compile(function, nogil=True, fastmath=False)


def parallel(function: Function) -> Function:
    """The same function as machine code, its `prange` loops on the caller's threads, beside which Python goes on."""
    return _compile(function, nogil=True, parallel=True)


def _let_widest_vectors(_: Any) -> Any:
    def generate(context: Any, builder: Any, *_: Any) -> Any:
        for attribute in ("noinline", '"prefer-vector-width"="512"'):
            set.add(builder.function.attributes, attribute)  # llvmlite's own `add` knows only attributes without value
        return context.get_dummy_value()

    return types.void(), generate


use_widest_vectors = cast(Callable[[], None], intrinsic(_let_widest_vectors))
"""Called in a `compiled` function, it lets its loops take all of AVX-512.

LLVM takes half, since 512 bits at a time slow down what comes after; long loops of arithmetic gain a quarter all the
same. The function is not merged into those that call it.
"""


def threads() -> int:
    """How many threads `parallel` functions use when called from this thread."""
    return int(numba.get_num_threads())


def use_threads(count: int) -> None:
    """Let `parallel` functions that are called from this thread use so many."""
    numba.set_num_threads(count)


def may_run_together() -> bool:
    """Whether `parallel` functions may be called from several threads at a time.

    numba's own scheduler, which it falls back to where there is neither OpenMP nor TBB, would end the process.
    """
    _loop(np.empty(1, np.float32))  # the scheduler is chosen at the first call
    return bool(numba.threading_layer() != "workqueue")  # type: ignore[attr-defined]


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Matrix products on the thread that calls them.

    The library's own threads spin while they wait for more, which takes the processors from the loops here.
    """
    with threadpool_limits(1, "blas"):
        yield


def _compile(function: Function, **options: Any) -> Function:
    options.setdefault("fastmath", True)
    options["error_model"] = "numpy"  # which divides without looking for zeros, so in vectors
    try:
        return cast(Function, numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no folder that could hold it can be written to
        return cast(Function, numba.njit(**options)(function))


@parallel
def _loop(values: NDArray[np.float32]) -> None:
    for i in prange(len(values)):
        values[i] = 0


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
