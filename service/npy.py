"""NumPy's `.npy` format, read without trust and written (numpy.lib.format, versions 1 to 3)."""

import io
import tokenize
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from service.errors import MalformedArray

Bytes: TypeAlias = bytes | memoryview
"""A file, or what holds one."""

_MAX_HEADER = 4096
_VERSIONS = {(1, 0), (2, 0), (3, 0)}
_KINDS = "uif"
_HEADER_ERRORS = (
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    EOFError,
    tokenize.TokenError,
    RecursionError,
    MemoryError,
)


def read_npy(body: Bytes) -> NDArray[Any]:
    """The array of numbers in a `.npy` file, as a view on its bytes; nothing is allocated and nothing unpickled.

    Raises:
        MalformedArray: Not such a file, not plain numbers, or of more or fewer bytes than its header says.
    """
    try:
        shape, in_fortran_order, dtype, start = _read_header(_head_of(body))
    except _HEADER_ERRORS as error:
        raise MalformedArray("The body has no valid .npy header (a file that numpy.save writes has one).") from error
    if dtype.kind not in _KINDS or dtype.hasobject or dtype.subdtype is not None:
        raise MalformedArray("The array must hold uint8, float16, float32 or float64 numbers.")
    try:
        return _view(body, start, shape, dtype, in_fortran_order)
    except (ValueError, TypeError) as error:
        raise MalformedArray("The header of the .npy file names a shape that no array has.") from error


def write_npy(array: NDArray[Any]) -> bytes:
    """The `.npy` file of an array."""
    in_order = np.asarray(array, order="C")
    return b"".join((_header_of(in_order.dtype, in_order.shape), in_order.data if in_order.size else b""))


@lru_cache(maxsize=64)
def _header_of(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """All before the numbers; remembered, since numpy writes it as Python's source."""
    header = io.BytesIO()
    what = {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy_format.write_array_header_1_0(header, what)
    return header.getvalue()


def _head_of(body: Bytes) -> bytes:
    """All before the numbers, by the length that stands there; whatever it is, where it is none."""
    start = 10 if body[6:7] == b"\x01" else 12
    return bytes(body[: start + min(int.from_bytes(body[8:start], "little"), _MAX_HEADER)])


@lru_cache(maxsize=64)
def _read_header(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order and type, and where the numbers begin; remembered, since numpy parses it as Python's source."""
    file = io.BytesIO(head)
    version = npy_format.read_magic(file)
    if version not in _VERSIONS:
        raise ValueError("a version that is none")
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    return *read(file, max_header_size=_MAX_HEADER), file.tell()


def _view(
    body: Bytes, start: int, shape: tuple[int, ...], dtype: np.dtype[Any], in_fortran_order: bool
) -> NDArray[Any]:
    count = 1
    for side in shape:  # Python's integers, since a hostile shape may overflow numpy's
        if side < 0:
            raise MalformedArray("The header of the .npy file names a negative side.")
        count *= side
    if count * dtype.itemsize != len(body) - start:
        raise MalformedArray("The .npy file has more or fewer bytes than the shape in its header says.")
    if count == 0:
        return np.empty(shape, dtype)
    return np.frombuffer(body, dtype, count, start).reshape(shape, order="F" if in_fortran_order else "C")
