"""multipart/form-data bodies, read strictly: the one home of the library `multipart`."""

from dataclasses import dataclass, field

import multipart

from service.errors import InvalidBody, MalformedForm, TooManyImages

_MAX_FIELDS = 8
_MAX_TEXT_BYTES = 2**23
"""Of one text field: room for the longest labels of 10,000 points."""


@dataclass(frozen=True)
class Form:
    """The parts of a form: files in their order, with their names, and text fields by name."""

    files: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Of the files, as the client gave them: nothing to open anything by."""
    fields: dict[str, str] = field(default_factory=dict)


def read_form(body: bytes, boundary: str, max_files: int) -> Form:
    """Take a form apart.

    Raises:
        MalformedForm: Not multipart/form-data with this boundary, or with text that is not UTF-8.
        InvalidBody: The same text field twice, more than a few, or one that is too long.
        TooManyImages: More than `max_files` files.
    """
    form = Form()
    try:
        with multipart.PushMultipartParser(boundary, strict=True) as parser:
            for event in parser.parse(body):  # each part as its head, its content unless that is empty, and None
                if isinstance(event, multipart.MultipartSegment):
                    head, content = event, b""
                elif event is not None:
                    content = event
                elif head.filename is None:
                    _add_text(form, head.name, content)
                elif len(form.files) == max_files:
                    raise TooManyImages(f"A request may hold {max_files} images; send the others in further requests.")
                else:
                    form.files.append(content)
                    form.names.append(head.filename)
    except (multipart.MultipartError, ValueError) as error:
        raise MalformedForm("The body must be multipart/form-data, framed by its Content-Type's boundary.") from error
    return form


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


def _add_text(form: Form, name: str, content: bytes) -> None:
    if name in form.fields or len(form.fields) == _MAX_FIELDS:
        raise InvalidBody(f"The form has a text field twice, or more than {_MAX_FIELDS}.")
    if len(content) > _MAX_TEXT_BYTES:
        raise InvalidBody(f"A text field of the form may have {_MAX_TEXT_BYTES} bytes.")
    form.fields[name] = content.decode()  # whatever charset it names: RFC 7578 advises UTF-8 for all
