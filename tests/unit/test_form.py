"""Forms: what browsers send, and what no parser should be led astray by."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidBody, MalformedForm, Refusal, TooManyImages
from service.form import Form, boundary_of, read_form
from service.labels import MAX_LENGTH, id_of_file

BOUNDARY = "boundary-4711"
CANARY = "canary-5f1d"
MOST_FILES = 20


def part(content: bytes, disposition: str = 'form-data; name="images"; filename="a.png"', *headers: str) -> bytes:
    lines = [f"--{BOUNDARY}", f"Content-Disposition: {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def text(content: bytes, name: str = "labels", *headers: str) -> bytes:
    return part(content, f'form-data; name="{name}"', *headers)


END = f"--{BOUNDARY}--\r\n".encode()


def read(*parts: bytes, end: bytes = END, boundary: str = BOUNDARY) -> Form:
    return read_form(b"".join(parts) + end, boundary, MOST_FILES)


def refused(*parts: bytes, kind: type[Refusal] = MalformedForm, end: bytes = END, boundary: str = BOUNDARY) -> None:
    with pytest.raises(kind) as caught:
        read(*parts, end=end, boundary=boundary)
    assert type(caught.value) is kind
    assert CANARY not in caught.value.detail


@given(st.lists(st.binary(max_size=300), max_size=MOST_FILES), st.dictionaries(st.sampled_from("abc"), st.text()))
def test_files_and_fields_survive_in_their_order(files: list[bytes], fields: dict[str, str]) -> None:
    parts = [*map(part, files), *(text(value.encode(), name) for name, value in fields.items())]
    assert read(*parts) == Form(files, ["a.png"] * len(files), fields)


@given(st.lists(st.sampled_from([b"\r\n", b"--", b"\r", b"\n", BOUNDARY.encode(), b"-", b"x"]), max_size=12))
def test_content_that_looks_like_a_boundary_survives(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    if f"\r\n--{BOUNDARY}".encode() in b"\r\n" + content:
        return
    assert read(part(content)).files == [content]


def test_a_form_cut_at_any_byte_is_refused() -> None:
    whole = part(b"first", 'form-data; name="images"; filename="a"', "Content-Type: image/png") + text(b"[1]") + END
    assert read_form(whole, BOUNDARY, MOST_FILES) == Form([b"first"], ["a"], {"labels": "[1]"})
    for length in range(len(whole) - 2):  # the last line break may be missing
        with pytest.raises(MalformedForm):
            read_form(whole[:length], BOUNDARY, MOST_FILES)


def test_a_form_without_its_final_boundary_is_refused() -> None:
    refused(part(b"content"), end=b"")
    refused(part(b"content"), end=f"--{BOUNDARY}\r\n".encode())
    refused(part(b"content"), end=f"--{BOUNDARY}-\r\n".encode())


@pytest.mark.parametrize(
    "boundary", ["another", BOUNDARY[:-1], BOUNDARY + "x", BOUNDARY.upper(), "-" + BOUNDARY, "--" + BOUNDARY]
)
def test_a_boundary_that_the_body_does_not_have_is_refused(boundary: str) -> None:
    refused(part(b"content"), boundary=boundary)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "C:\\boot.ini", "\\\\host\\share", ".", "..",
        "%2e%2e%2f", "~/.ssh/id_rsa", "con", "a\tb", "", "x" * 3000, "name.png; filename=b", "%00", "$(id)", "é",
        "\u202egnp.exe",
    ],
)  # fmt: skip
def test_a_file_name_is_only_a_sign_that_a_part_is_a_file(name: str) -> None:
    assert read(part(b"content", f'form-data; name="images"; filename="{name}"')).files == [b"content"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "a.png"), ("../../etc/passwd", "passwd"), ("C:\\x\\b.png", "b.png"), ("a\tb\x00", "ab"), ("", ""),
        ("folder/", ""), ("é ü.png", "é ü.png"), ("\u202egnp.exe", "gnp.exe"), ("x" * 3000, "x" * MAX_LENGTH),
    ],
)  # fmt: skip
def test_a_files_name_is_an_id_without_folders_and_what_cannot_be_printed(name: str, expected: str) -> None:
    assert id_of_file(name) == expected


def test_files_may_have_any_field_name_and_text_fields_one_each() -> None:
    parts = [
        part(b"%d" % index, f'form-data; name="{name}"; filename="f"') for index, name in enumerate(["a", "a", ""])
    ]
    assert read(*parts).files == [b"0", b"1", b"2"]
    refused(text(b"[1]"), text(b"[2]"), kind=InvalidBody)
    refused(text(b"[1]"), text(b"[1]"), kind=InvalidBody)


def test_more_files_than_are_taken_are_refused() -> None:
    assert len(read(*[part(b"")] * MOST_FILES, text(b"[]")).files) == MOST_FILES
    refused(*[part(b"")] * (MOST_FILES + 1), kind=TooManyImages)


def test_ten_thousand_and_one_files_are_too_many() -> None:
    with pytest.raises(TooManyImages):
        read_form(part(b"x") * 10_001 + END, BOUNDARY, 10_000)


def test_many_or_long_text_fields_are_refused() -> None:
    refused(*(text(b"", f"field{index}") for index in range(10_000)), kind=InvalidBody)
    refused(text(b"x" * (2**23 + 1)), kind=InvalidBody)


@pytest.mark.parametrize(
    "header",
    [
        "X: " + "x" * 5000, "x" * 5000, "X" * 5000 + ": x", "X: é\ud800", "X", ": x", "X y: z", " folded: x",
        "X\x00: y", "Content-Length: 3", "Content-Length: -1", "Content-Length: x",
        "Content-Length: 99999999999999999999", "Content-Length: 7\r\nContent-Length: 7",
        "\r\n".join(f"X{number}: y" for number in range(9)),
    ],
)  # fmt: skip
def test_a_part_with_broken_or_many_headers_is_refused(header: str) -> None:
    disposition = b'Content-Disposition: form-data; name="images"; filename="a"\r\n'
    body = f"--{BOUNDARY}\r\n".encode() + disposition + header.encode(errors="surrogatepass") + b"\r\n\r\ncontent\r\n"
    refused(body)


@pytest.mark.parametrize("size", [10**4, 10**6])
def test_headers_without_end_are_refused(size: int) -> None:
    refused(f"--{BOUNDARY}\r\n".encode(), b"A: b\r\n" * size, end=b"")
    refused(f"--{BOUNDARY}\r\n".encode(), b"A" * size, end=b"")


@pytest.mark.parametrize(
    "disposition",
    ["attachment; name=a; filename=b", "form-data", 'form-data; filename="a"', "", ";", "inline", 'file; filename="a"'],
)
def test_a_part_that_is_no_field_of_a_form_is_refused(disposition: str) -> None:
    refused(part(b"content", disposition))


def test_a_part_without_disposition_is_refused() -> None:
    refused(f"--{BOUNDARY}\r\nContent-Type: image/png\r\n\r\ncontent\r\n".encode())
    refused(f"--{BOUNDARY}\r\n\r\ncontent\r\n".encode())


@pytest.mark.parametrize("bomb", ['; a="' * 800, '; a="\\' * 650, ";" * 4000, "; a=" * 1000, '; name="' + '\\"' * 1900])
def test_a_header_made_to_be_hard_to_read_takes_no_time(bomb: str) -> None:
    disposition = f'form-data; name="images"; filename="a"{bomb}'
    parts = [part(b"", disposition)] * MOST_FILES
    assert len(read(*parts).files) == MOST_FILES


@pytest.mark.parametrize(
    "charset",
    [
        "hex",
        "rot13",
        "unicode_escape",
        "raw_unicode_escape",
        "idna",
        "punycode",
        "utf-7",
        "utf-16",
        "undefined",
        "x",
        "",
    ],
)
def test_text_is_utf_8_whatever_charset_it_names(charset: str) -> None:
    field = text("é \\ud800 +AGE- 61".encode(), "labels", f"Content-Type: text/plain; charset={charset}")
    assert read(field).fields == {"labels": "é \\ud800 +AGE- 61"}


@pytest.mark.parametrize("content", [b"\xff", b"\xc3", b"\xed\xa0\x80", "é".encode("latin-1"), "a".encode("utf-16")])
def test_text_that_is_not_utf_8_is_refused(content: bytes) -> None:
    refused(text(content))


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"--", b"content", f"--{BOUNDARY}".encode(), b"\x89PNG\r\n\x1a\n", CANARY.encode() * 1000]
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    refused(body, end=b"")


def test_a_form_may_be_empty_and_may_have_a_preamble_and_an_epilogue() -> None:
    assert read() == Form()
    assert read(b"preamble\r\n", part(b"content"), end=END + b"epilogue").files == [b"content"]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"), ('multipart/form-data; boundary="a b:c"', "a b:c"),
        ("multipart/form-data; charset=utf-8; Boundary=abc", "abc"),
        ("multipart/form-data;boundary=" + "x" * 70, "x" * 70),
    ],
)  # fmt: skip
def test_the_boundary_is_found_in_the_content_type(content_type: str, boundary: str) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "parameters",
    [
        "", ";", "; boundary", "; boundary=", '; boundary=""', "; boundary=" + "x" * 71,
        '; boundary="' + "x" * 10**6 + '"', "; boundary=é", '; boundary="a\tb"', '; boundary="a\x00b"',
        "; charset=utf-8", "; not-boundary=abc", '; a="' * 12_000,
    ],
)  # fmt: skip
def test_a_content_type_without_a_fit_boundary_is_refused(parameters: str) -> None:
    with pytest.raises(MalformedForm):
        boundary_of("multipart/form-data" + parameters)


@given(st.binary(max_size=500), st.booleans())
def test_any_bytes_end_in_a_form_or_a_refusal(body: bytes, begins_well: bool) -> None:
    with contextlib.suppress(MalformedForm):
        read_form((f"--{BOUNDARY}\r\n".encode() if begins_well else b"") + body, BOUNDARY, MOST_FILES)
