"""NumPy's `.npy` format, read without trust and written (numpy.lib.format, versions 1 to 3)."""

import io
import tokenize
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from service.errors import MalformedArray

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


def read_npy(body: bytes) -> NDArray[Any]:
    """The array of numbers in a `.npy` file, as a view on its bytes; nothing is allocated and nothing unpickled.

    Raises:
        MalformedArray: Not such a file, not plain numbers, or of more or fewer bytes than its header says.
    """
    file = io.BytesIO(body)
    try:
        version = npy_format.read_magic(file)
        if version not in _VERSIONS:
            raise ValueError("a version that is none")
        read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        shape, in_fortran_order, dtype = read_header(file, max_header_size=_MAX_HEADER)
    except _HEADER_ERRORS as error:
        raise MalformedArray("The body has no valid .npy header (a file that numpy.save writes has one).") from error
    if dtype.kind not in _KINDS or dtype.hasobject or dtype.subdtype is not None:
        raise MalformedArray("The array must hold uint8, float16, float32 or float64 numbers.")
    try:
        return _view(body, file.tell(), shape, dtype, in_fortran_order)
    except (ValueError, TypeError) as error:
        raise MalformedArray("The header of the .npy file names a shape that no array has.") from error


def write_npy(array: NDArray[Any]) -> bytes:
    """The `.npy` file of an array."""
    in_order = np.asarray(array, order="C")
    header = io.BytesIO()
    npy_format.write_array_header_1_0(header, npy_format.header_data_from_array_1_0(in_order))
    return b"".join((header.getvalue(), in_order.data if in_order.size else b""))


def _view(
    body: bytes, start: int, shape: tuple[int, ...], dtype: np.dtype[Any], in_fortran_order: bool
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
