"""What the compiler is told, beside what is computed."""

import platform
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from service.compiled import use_widest_vectors


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="switches of this processor's")
def test_the_compiler_hears_of_gathers_and_of_wide_vectors() -> None:
    @numba.njit
    def double(numbers: NDArray[np.float32]) -> Any:
        use_widest_vectors()
        total = np.float32(0)
        for number in numbers:
            total += number + number
        return total

    assert double(np.ones(100, np.float32)) == 200
    [written] = double.inspect_llvm().values()
    assert '"prefer-vector-width"="512"' in written
    assert "noinline" in written
    [library] = [overload.library for overload in double.overloads.values()]
    assert "+prefer-no-gather" in library.codegen.magic_tuple()[2]
