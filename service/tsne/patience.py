"""Calls of libraries that nothing can interrupt, and how whoever waits for them is asked meanwhile."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Result = TypeVar("Result")
LOOK_S = 0.02
"""How often whoever waits looks around.

That is well below the 50 ms between two calls back: a look that came just before its time would double them.
"""


def look_while(work: Callable[[], Result], look: Callable[[], None]) -> Result:
    """What `work` gives; it is done on a thread of its own, and `look` is called every 20 ms meanwhile.

    What `look` raises ends the waiting at once: the work goes on to its end, and nobody hears of it. So it should be
    a matter of a second or two, and without `parallel` loops, which may not run beside others everywhere.

    Raises:
        Exception: What `work` or `look` raises.
    """
    pool = ThreadPoolExecutor(1)
    try:
        working = pool.submit(work)
        while wait([working], LOOK_S).not_done:
            look()
        return working.result()
    finally:
        pool.shutdown(wait=False)
