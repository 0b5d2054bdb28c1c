"""`.npy` bodies: numpy's own files in every version, and files that lie."""

import contextlib
import io
import pickle
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from service.errors import MalformedArray
from service.npy import read_npy, write_npy

SHAPES = nps.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
DTYPES = nps.integer_dtypes() | nps.unsigned_integer_dtypes() | nps.floating_dtypes(sizes=(16, 32, 64))
ARRAYS = nps.arrays(DTYPES, SHAPES)
VERSIONS = ((1, 0), (2, 0), (3, 0))
CANARY = "canary-5f1d"


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """A file with any header, that need not be as long as it says."""
    content = header.encode("latin-1") + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(content) if length is None else length)
    return npy_format.magic(*version) + size + content + data


def described(descr: str = "'<f4'", shape: str = "(1,)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def refused(body: bytes) -> MalformedArray:
    with pytest.raises(MalformedArray) as caught:
        read_npy(body)
    assert CANARY not in caught.value.detail
    return caught.value


@given(ARRAYS, st.sampled_from(VERSIONS), st.booleans())
def test_an_array_survives_in_every_dtype_order_and_version(
    array: NDArray[Any], version: tuple[int, int], in_fortran_order: bool
) -> None:
    array = np.asfortranarray(array) if in_fortran_order else array
    file = io.BytesIO()
    npy_format.write_array(file, array, version, allow_pickle=False)
    np.testing.assert_array_equal(read_npy(file.getvalue()), array, strict=True)


@given(ARRAYS)
def test_what_is_written_is_read_by_numpy_and_by_us(array: NDArray[Any]) -> None:
    file = write_npy(array)
    np.testing.assert_array_equal(read_npy(file), array, strict=True)
    np.testing.assert_array_equal(np.load(io.BytesIO(file), allow_pickle=False), array, strict=True)


def test_strides_do_not_reach_the_file() -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    for view in (array[::2, ::-1], array.T, array[:, 1:3]):
        np.testing.assert_array_equal(read_npy(write_npy(view)), view, strict=True)


def test_numbers_are_read_in_place() -> None:
    array = read_npy(write_npy(np.arange(1000, dtype=np.float32)))
    assert array.base is not None
    assert not array.flags.writeable


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_cut_at_any_byte_is_refused(version: tuple[int, int]) -> None:
    file = io.BytesIO()
    npy_format.write_array(file, np.arange(12, dtype=np.float32).reshape(3, 4), version)
    whole = file.getvalue()
    for length in range(len(whole)):
        refused(whole[:length])
    refused(whole + b"\0")


@pytest.mark.parametrize(
    "array",
    [
        np.array([CANARY, None, 1], object), np.array([CANARY]), np.array([CANARY.encode()]), np.array([1 + 2j]),
        np.array([True]), np.array(["2026-01-01"], "datetime64[D]"), np.array([1], "timedelta64[s]"),
        np.zeros(2, [("a", "<f4"), ("b", "<f4")]), np.zeros(2, [("a", "<f4", (2, 2))]), np.zeros(2, "V4"),
    ],
    ids=lambda array: str(array.dtype),
)  # fmt: skip
def test_an_array_of_anything_but_plain_numbers_is_refused(array: NDArray[Any]) -> None:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    refused(file.getvalue())


class Trap:
    """Unpickling it fails the test."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("it was unpickled",)


def test_nothing_is_unpickled() -> None:
    refused(pickle.dumps(Trap()))
    refused(npy(described("'|O'"), pickle.dumps(Trap())))
    refused(npy(described("'|O'", "()"), pickle.dumps(Trap())))


@pytest.mark.parametrize(
    "shape",
    [
        "(2,)", "(1000000000000,)", f"({2**62}, 4)", f"({2**63},)", f"({2**64}, {2**64})", "(4294967296, 4294967296)",
        f"({10**300},)", "(-1,)", "(-1, -1)", f"(0, {2**62}, {2**62})", "(0,)", "(1, 0)", "(1, 1, 2)", "(1.0,)",
        "('1',)", "(None,)", "[1]", "1", "((1,),)", "{1}", "(True,)", f"({'1, ' * 65})", f"({'1, ' * 1000})", "...",
        "(...,)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", VERSIONS)
def test_a_shape_that_is_not_that_of_the_data_is_refused(shape: str, version: tuple[int, int]) -> None:
    refused(npy(described(shape=shape), bytes(4), version))


@pytest.mark.parametrize(
    "descr",
    [
        "'O'", "'|O'", "'<f4,<f4'", "('<f4', (2, 2))", "('<f4', 2)", "[('a', '<f4')]",
        "{'names': ['a'], 'formats': ['O']}", "'V4'", "'S4'", "'<U1'", "'<c8'", "'?'", "'<M8[s]'", "'nonsense'", "''",
        "'f0'", "'<f3'", "None", "4", "'<f4' * 2", "('<f4', -1)", "('<f4', 1000000000)", "(('<f4', 2), 2)",
        f"'{CANARY}'", "'\\ud800'", "'\\x00'", "b'<f4'", "[]", "{}",
    ],
)  # fmt: skip
def test_a_dtype_that_is_no_number_is_refused(descr: str) -> None:
    refused(npy(described(descr), bytes(4)))


@pytest.mark.parametrize(
    "header",
    [
        "", " ", "{}", "[]", "None", "{'descr': '<f4'}", described() + ", 1", described()[:-1] + "'more': 1}",
        described(order="0"), described(order="'False'"), described(order="None"), described()[:-1], "\x00", "\xff",
        f"__import__('pytest').fail('{CANARY}')", f"{{'descr': __import__('pytest').fail('{CANARY}')}}", "exit()",
        "lambda: 1", "[x for x in 'abc']", "f'{1}'", "1if 1else 2", "'a'.upper()", "9**9**9", "'a' * 10**9", "{**{}}",
        "{[]: 1}", "{1: 2}", "{'descr': '<f4', 1: 2, 'shape': ()}", "{'a': {'b'}}", "-" * 4000 + "1", "(" * 4000,
        "[" * 4000 + "]" * 4000, "{" * 90 + "}" * 90, "1" * 4090, "'" + "a" * 4090, "1+1j" * 1000, "'''", "#", "\\",
        "\t\n\t1", "((", "1\n  2\n 3",
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", VERSIONS)
def test_a_header_that_is_no_description_is_refused_and_never_run(header: str, version: tuple[int, int]) -> None:
    refused(npy(header, bytes(4), version))


@pytest.mark.parametrize("length", [0, 1, 60, 61, 65_535])
def test_a_header_of_another_length_than_it_says_is_refused(length: int) -> None:
    refused(npy(described(), bytes(4), length=length))


@pytest.mark.parametrize("length", [2**31 - 1, 2**31, 2**32 - 1])
def test_the_claim_of_a_huge_header_allocates_nothing(length: int) -> None:
    refused(npy(described(), bytes(4), (2, 0), length))


def test_a_long_header_is_refused() -> None:
    assert read_npy(npy(described() + " " * 3000, bytes(4))).shape == (1,)
    refused(npy(described() + " " * 5000, bytes(4)))
    refused(npy(described() + " " * 10**7, bytes(4), (2, 0)))


@pytest.mark.parametrize("version", [(0, 0), (0, 1), (1, 1), (4, 0), (9, 9), (255, 255)])
def test_a_version_that_numpy_does_not_write_is_refused(version: tuple[int, int]) -> None:
    body = bytearray(npy(described(), bytes(4), (1, 0)))
    body[6:8] = version
    refused(bytes(body))
    body = bytearray(npy(described(), bytes(4), (2, 0)))
    body[6:8] = version
    refused(bytes(body))


@given(st.binary() | st.binary().map(lambda tail: b"\x93NUMPY" + tail))
def test_any_bytes_are_refused(body: bytes) -> None:
    refused(body)


@given(st.integers(0, 91), st.integers(1, 255))
def test_a_flipped_byte_ends_in_an_array_of_these_bytes_or_a_refusal(place: int, flips: int) -> None:
    body = bytearray(write_npy(np.arange(6, dtype=np.float32).reshape(2, 3)))
    body[place] ^= flips
    with contextlib.suppress(MalformedArray):
        assert read_npy(bytes(body)).nbytes == 24
