"""JSON bodies: what numpy would read of them, and what no client should be able to do with them."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray

from service.errors import BodyTooLarge, InvalidBody, MalformedJson, WrongShape
from service.json_body import MAX_DEPTH, JsonObject

KEY = "images"
MAX_VALUES = 3_000_000
MANY = 10**6
SHAPES = nps.array_shapes(min_dims=1, max_dims=MAX_DEPTH, max_side=4)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def read(body: bytes | str, *known: str) -> JsonObject:
    return JsonObject(body if isinstance(body, bytes) else body.encode(), known or (KEY,), MAX_VALUES)


def arrays_of(items: list[Any]) -> list[NDArray[np.float64] | WrongShape]:
    body = read(json.dumps({KEY: items}))
    return list(body.arrays(body.items_of(KEY), MANY))


@given(st.lists(nps.arrays(np.float64, SHAPES, elements=FLOATS), min_size=1, max_size=4))
def test_nested_lists_of_floats_become_the_arrays_that_numpy_makes_of_them(arrays: list[NDArray[np.float64]]) -> None:
    for expected, found in zip(arrays, arrays_of([array.tolist() for array in arrays]), strict=True):
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, expected, strict=True)


@given(nps.arrays(np.int64, SHAPES) | nps.arrays(np.uint64, SHAPES))
def test_whole_numbers_of_64_bits_become_the_nearest_floats(array: NDArray[Any]) -> None:
    [found] = arrays_of([array.tolist()])
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, array.astype(np.float64), strict=True)


@given(st.recursive(FLOATS | st.booleans() | st.none() | st.text(max_size=2), lambda few: st.lists(few, max_size=3)))
def test_whatever_is_nested_is_read_as_numpy_reads_it_or_refused(value: Any) -> None:
    [found] = arrays_of([value])
    expected = _as_numpy(value)
    if expected is None:
        assert isinstance(found, WrongShape)
    else:
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, expected, strict=True)


def _as_numpy(value: Any) -> NDArray[np.float64] | None:
    """The array of nested lists of numbers; None for what is ragged, empty, flat, too deep or not of numbers."""
    if not isinstance(value, list) or not _are_numbers(value):
        return None
    try:
        array = np.array(value, np.float64)
    except ValueError:
        return None
    return array if array.size and array.ndim <= MAX_DEPTH else None


def _are_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_are_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


@pytest.mark.parametrize(
    "ragged",
    [
        "[1, [2], 3]", "[[1], 2, 3]", "[1, [2, 3]]", "[[1, 2], 3]", "[[1, 2], [3]]", "[[1], [2, 3]]",
        "[[1, 2], [[3], 4]]", "[[[1], [2]], [[3, 4]]]", "[[1, 2], [3, [4]]]", "[[1], []]", "[[], [1]]", "[[]]", "[]",
        "[[[]]]", "[1, []]", '["1"]', "[true]", "[null]", "[{}]", '[1, "2"]', "[1, true]", "[1, null]", "[1, {}]",
        "[[1, 2], {}]", "[[1, 2], 3, 4]", "[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1), "[" * 900 + "]" * 900,
    ],
)  # fmt: skip
@pytest.mark.parametrize("beside", ["", ", [1, 2, 3]", ', "text [[["', ", [[1, 2], [3, 4]]"])
def test_lists_that_are_no_array_are_refused_wherever_they_stand(ragged: str, beside: str) -> None:
    body = read(f'{{"{KEY}": [{ragged}{beside}]}}')
    assert isinstance(next(body.arrays(body.items_of(KEY), MANY)), WrongShape)


def test_one_list_that_is_no_array_does_not_spoil_the_others() -> None:
    first, second, third = arrays_of([[1, 2], [1, [2]], [[3], [4]]])
    assert isinstance(first, np.ndarray)
    assert first.tolist() == [1, 2]
    assert isinstance(second, WrongShape)
    assert isinstance(third, np.ndarray)
    assert third.tolist() == [[3], [4]]


def test_more_numbers_than_are_wanted_are_not_looked_into() -> None:
    body = read(json.dumps({KEY: [[1, 2, 3, 4], [[1, 2], [3, 4]], [1, 2, 3]]}))
    long, wide, short = body.arrays(body.items_of(KEY), 3)
    assert isinstance(long, WrongShape)
    assert long.detail == "got [4]"
    assert isinstance(wide, WrongShape)
    assert wide.detail == "got [2, 2]"
    assert isinstance(short, np.ndarray)


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"\x00", b"{", b"}", b"{]", b'{"images"}', b'{"images":}', b'{"images":[1,]}', b'{"images":[1]',
        b'{"images":[1]}x', b'{"images":[1]}{"images":[1]}', b'{"images":[1]},', b"{'images':[1]}", b'{images:[1]}',
        b'{"images":[NaN]}', b'{"images":[Infinity]}', b'{"images":[-Infinity]}', b'{"images":[nan]}',
        b'{"images":[1e999]}', b'{"images":[-1e999]}', b'{"images":[123456789012345678901234567890]}',
        b'{"images":[-123456789012345678901234567890]}', b'{"images":[01]}', b'{"images":[.5]}', b'{"images":[1.]}',
        b'{"images":[+1]}', b'{"images":[0x10]}', b'{"images":[1_000]}', b'{"images":[1e]}', b'{"images":[--1]}',
        b'{"images":["\xff"]}', b'{"images":["\xc3"]}', b'{"images":["\xed\xa0\x80"]}', b'{"images":["\xc0\xaf"]}',
        b'{"images":["\\ud800"]}', b'{"images":["\\udc00\\ud800"]}', b'{"images":["\\x41"]}', b'{"images":["\n"]}',
        b'{"images":["\\u00"]}', b'{"images":["]}', b"/**/{}", b'{"images":[1] /* all */}', b"#",
        '{"images":[1]}'.encode("utf-16"), '{"images":[1]}'.encode("utf-32-le"), b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b'{"images":' + b"[" * 1100 + b"]" * 1100 + b"}", b"[" * 100_000, b'{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        read(body)


@pytest.mark.parametrize("body", [b"[]", b"[[1]]", b"1", b"null", b"true", b'"images"', b"1e5"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        read(body)


@pytest.mark.parametrize(
    "body",
    [
        '{"images": [1], "images": [2]}', '{"images": [1], "\\u0069mages": [2]}',
        '{"pixel_range": 1, "pixel_range": 1}', '{"images": [1], "pixel_range": "unit", "images": [1]}',
        '{"Images": [1]}', '{"": 1}', '{"images ": [1]}', '{"images\\u0000": [1]}', '{"images": [1], "more": 2}',
        '{"images": [1], "pixel_range": 1, "more": 2}',
    ],
)  # fmt: skip
def test_a_key_that_is_unknown_or_there_twice_is_refused_and_not_repeated(body: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        read(body, "images", "pixel_range")
    assert "more" not in refused.value.detail


def test_many_keys_are_refused_before_they_are_looked_up() -> None:
    body = b"{" + b",".join(b'"%d":0' % number for number in range(10**6)) + b"}"
    with pytest.raises(InvalidBody):  # looking each of them up takes hours
        read(body)


def test_a_document_of_too_many_values_is_refused_before_it_is_parsed() -> None:
    values = b"0," * MAX_VALUES
    with pytest.raises(BodyTooLarge):
        read(b'{"images":[' + values + b"0]}")
    with pytest.raises(BodyTooLarge):
        read(b'{"images":[' + values + b"and no JSON at all")
    with pytest.raises(BodyTooLarge):
        read(b"[" * (MAX_VALUES + 1))
    assert read(b'{"images":[' + b"0," * (MAX_VALUES - 3) + b"0]}").count_of(KEY) == MAX_VALUES - 2


@pytest.mark.parametrize("value", ["1", '"text"', "null", "true", "{}", '{"0": 1}'])
def test_a_member_that_is_no_array_is_refused_where_one_is_wanted(value: str) -> None:
    body = read(f'{{"images": {value}}}')
    for ask in (body.items_of, body.count_of):
        with pytest.raises(InvalidBody):
            ask(KEY)


def test_a_member_that_is_not_there_is_no_array() -> None:
    body = read("{}")
    assert KEY not in body
    assert body.get(KEY) is None
    with pytest.raises(InvalidBody):
        body.items_of(KEY)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read(b'\xef\xbb\xbf{"images": [1]}').items_of(KEY) == [1]


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), FLOATS | st.text() | st.booleans() | st.none()))
def test_members_are_what_the_standard_library_reads(members: dict[str, Any]) -> None:
    body = read(json.dumps(members, ensure_ascii=False), "a", "b", "c")
    assert {key: body.get(key) for key in "abc" if key in body} == members


@given(st.binary() | st.text(alphabet='{}[],:"\\ 0123456789.eE+-truefalsn', max_size=40).map(str.encode))
def test_any_bytes_end_in_an_object_or_a_refusal(body: bytes) -> None:
    try:
        read(body)
    except (MalformedJson, InvalidBody):
        return
    assert isinstance(json.loads(body.decode("utf-8-sig")), dict)


def test_the_largest_float_is_read_and_what_is_beyond_it_is_not() -> None:
    [largest] = arrays_of([[math.nextafter(math.inf, 0), -5e-324]])
    assert isinstance(largest, np.ndarray)
    assert largest.tolist() == [math.nextafter(math.inf, 0), -5e-324]
