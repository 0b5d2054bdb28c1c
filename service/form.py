"""multipart/form-data bodies, read strictly: the one home of the library `multipart`."""

import io
from dataclasses import dataclass

import multipart

from service.errors import InvalidBody, MalformedForm, TooManyImages

_MAX_FIELDS = 8
_MAX_TEXT_BYTES = 2**23
"""Of one text field: room for the longest labels of 10,000 points."""


@dataclass(frozen=True)
class Form:
    """The parts of a form: files in their order, whatever they are called, and text fields by name."""

    files: tuple[bytes, ...]
    fields: dict[str, str]


def read_form(body: bytes, boundary: str, max_files: int) -> Form:
    """Take a form apart.

    Raises:
        MalformedForm: Not multipart/form-data with this boundary, or with text that is not UTF-8.
        InvalidBody: The same text field twice, more than a few, or one that is too long.
        TooManyImages: More than `max_files` files.
    """
    parser = multipart.MultipartParser(
        io.BytesIO(body), boundary, strict=True, part_limit=max_files + _MAX_FIELDS + 1,
        spool_limit=len(body) + 1, memory_limit=len(body) + 1,
    )  # fmt: skip
    files: list[bytes] = []
    fields: dict[str, str] = {}
    try:
        for part in parser:
            if part.filename is not None:
                files.append(part.raw)
            elif part.name in fields or len(fields) == _MAX_FIELDS:
                raise InvalidBody(f"The form has a text field twice, or more than {_MAX_FIELDS}.")
            elif part.size > _MAX_TEXT_BYTES:
                raise InvalidBody(f"A text field of the form may have {_MAX_TEXT_BYTES} bytes.")
            else:
                fields[part.name] = part.raw.decode()  # whatever charset it names: RFC 7578 advises UTF-8 for all
            part.close()  # frees its copy, which the parser would keep
            if len(files) > max_files:
                raise TooManyImages(f"A request may hold {max_files} images; send the others in further requests.")
    except (multipart.MultipartError, ValueError) as error:
        raise MalformedForm("The body must be multipart/form-data, framed by its Content-Type's boundary.") from error
    return Form(tuple(files), fields)


def boundary_of(content_type: str) -> str:
    """The boundary in a `Content-Type` header.

    Raises:
        MalformedForm: There is none, or not one of 1 to 70 characters (RFC 2046).
    """
    _, options = multipart.parse_options_header(content_type)
    boundary = str(options.get("boundary", ""))
    if not (1 <= len(boundary) <= 70 and boundary.isascii() and boundary.isprintable()):
        raise MalformedForm("The Content-Type multipart/form-data must name a boundary of 1 to 70 characters.")
    return boundary
