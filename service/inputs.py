"""What a request's body holds, whichever of its forms it comes in: images, latents, or the wish for the reference."""

import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels, Latents, Pixels, in_numbers
from service.deadline import Deadline
from service.errors import InvalidBody, Refusal, UnsupportedMediaType
from service.form import boundary_of, read_form
from service.framing import is_quick_png
from service.image_input import ImageReader
from service.json_body import Json, JsonObject
from service.labels import id_of_file, read_ids, read_labels
from service.latent_input import LatentReader
from service.manifest import ImageFormat
from service.media import IMAGE_BODIES, JSON, LATENT_BODIES, MULTIPART, NPY, PNG, SEVERAL_IMAGE_BODIES
from service.npy import Bytes, read_npy

QUICK_BYTES = 2**15
QUICK_ARRAY_BYTES = 2**18
"""An array is read in far less time than as many bytes of text, and in less than going to a thread and back takes."""
_QUICK_LATENTS = 256
"""In JSON, where each takes half a microsecond, beside its numbers."""
_NO_PIXELS, _NO_LATENTS = np.empty((0, 0, 0, 0), np.float32), np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class InputLimits:
    """How much one request may bring."""

    max_images: int
    max_image_pixels: int
    max_json_values: int


class Kind(StrEnum):
    """What a route may take."""

    IMAGES = "images"
    LATENTS = "latents"
    REFERENCE = "reference"
    LABELS = "labels"
    IDS = "ids"


_BESIDE = (Kind.LABELS, Kind.IDS)
"""What comes beside images or latents, and never alone."""
IMAGES, LATENTS = frozenset({Kind.IMAGES}), frozenset({Kind.LATENTS})
"""What most routes take."""


class Inputs(NamedTuple):
    """A body that was read: images, latents, or the wish for the reference, with labels and ids if there were some."""

    kind: Kind
    images: Pixels | BytePixels = _NO_PIXELS
    """As bytes where they were sent so: they become numbers where the model is called."""
    latents: Latents = _NO_LATENTS
    labels: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None

    @property
    def size(self) -> int:
        """How many images or latents the body holds."""
        return len(self.images) + len(self.latents)

    @property
    def pixels(self) -> Pixels:
        """The images as numbers in [0, 1]."""
        return in_numbers(self.images)

    def in_numbers(self) -> "Inputs":
        """The same with images that are numbers."""
        return self._replace(images=self.pixels)


@dataclass(frozen=True)
class BodyReader:
    """Reads bodies of the kinds that a route takes, in every form that those kinds come in."""

    takes: frozenset[Kind]
    images: ImageReader
    latents: LatentReader
    max_json_values: int

    @classmethod
    def of(cls, takes: frozenset[Kind], image: ImageFormat, latent_dim: int, limits: InputLimits) -> "BodyReader":
        """A reader of what one model takes."""
        images = ImageReader(image, limits.max_images, limits.max_image_pixels)
        return cls(takes, images, LatentReader(latent_dim, limits.max_images), limits.max_json_values)

    @cached_property
    def media_types(self) -> tuple[str, ...]:
        """The media types that a body may have."""
        if Kind.IMAGES not in self.takes:
            return LATENT_BODIES
        return SEVERAL_IMAGE_BODIES if Kind.LATENTS in self.takes else IMAGE_BODIES

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        """The members of which a JSON body has exactly one."""
        return tuple(kind.value for kind in Kind if kind in self.takes and kind not in _BESIDE)

    @cached_property
    def _known_keys(self) -> tuple[str, ...]:
        beside = (kind.value for kind in _BESIDE if kind in self.takes)
        return (*self._keys, *beside, *(("pixel_range",) if Kind.IMAGES in self.takes else ()))

    def check_media_type(self, content_type: str) -> str:
        """The media type in a `Content-Type` header, if it is read.

        Raises:
            UnsupportedMediaType: It is not, or there is none.
        """
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in self.media_types:
            offered = ", ".join(self.media_types)
            raise UnsupportedMediaType(f"Send a Content-Type among {offered}.", headers={"Accept-Post": offered})
        return media_type

    def read_quickly(self, media_type: str, body: Bytes, most: int = sys.maxsize) -> Inputs | None:
        """Read a small body in some 200 us at most, so that the event loop can; None where `read` has to.

        That is so where anything may take longer, or is wrong, or where it holds more than `most` images or latents. It
        is made of the parts of `read`, so that it accepts nothing that `read` refuses.
        """
        if len(body) > (QUICK_ARRAY_BYTES if media_type == NPY else QUICK_BYTES):
            return None
        try:
            if media_type == NPY:
                array = read_npy(body)
                is_slow = array.dtype.itemsize == 2 and len(body) > QUICK_BYTES  # half floats: 10 ns each
                is_large = array.ndim > 0 and len(array) > most
                return None if is_slow or is_large else self._of_array(array)
            body = bytes(body)
            if media_type == JSON:
                return self._read_numbers(body, most)
            if media_type == PNG:
                return self._read_png(body)
        except Refusal:
            pass
        return None

    def read(self, content_type: str, body: bytes, deadline: Deadline) -> Inputs:
        """Read a whole body by its `Content-Type`, until the deadline.

        Raises:
            Refusal: The kinds below 400, 413, 415 and 422 in `service/errors.py`.
        """
        media_type = self.check_media_type(content_type)
        if media_type == JSON:
            return self._read_json(body, deadline)
        if media_type == NPY:
            return self._of_array(read_npy(body))
        if media_type == MULTIPART:
            return self._read_form(body, boundary_of(content_type), deadline)
        return Inputs(Kind.IMAGES, images=self.images.from_files([body], deadline))

    def _read_json(self, body: bytes, deadline: Deadline) -> Inputs:
        if (plain := self._read_plainly(body)) is not None:
            return plain
        document = JsonObject(body, self._known_keys, self.max_json_values)
        labels = read_labels(document, self.images.max_images) if "labels" in document else None
        ids = read_ids(document, self.images.max_images) if "ids" in document else None
        chosen = [key for key in self._keys if key in document]
        if len(chosen) != 1:
            options = ", ".join(f'"{key}"' for key in self._keys)
            raise InvalidBody(f"The body must have exactly one of {options}.")
        if chosen == ["reference"]:
            return _reference(document.get("reference"), labels, ids)
        if chosen == ["latents"]:
            return Inputs(Kind.LATENTS, latents=self.latents.from_json(document), labels=labels, ids=ids)
        return Inputs(Kind.IMAGES, images=self.images.from_json(document, deadline), labels=labels, ids=ids)

    def _read_plainly(self, body: bytes, most: int = sys.maxsize) -> Inputs | None:
        """The images of a JSON body that holds nothing but their numbers, and is right."""
        pixels = None
        if Kind.IMAGES in self.takes:
            pixels = self.images.from_plain_json(body, self.max_json_values, most)
        return None if pixels is None else Inputs(Kind.IMAGES, pixels)

    def _read_numbers(self, body: bytes, most: int) -> Inputs | None:
        """The only images or latents of a small JSON body, where they are nothing but numbers, and all right."""
        if self._keys == ("images",):
            return self._read_plainly(body, most)
        if self._keys != ("latents",) or body.count(b"[") > 1 + min(most, _QUICK_LATENTS):
            return None
        document = JsonObject(body, self._known_keys, self.max_json_values)
        if "latents" not in document or "labels" in document or "ids" in document:
            return None
        latents = self.latents.from_numbers(document)
        return None if latents is None else Inputs(Kind.LATENTS, latents=latents)

    def _read_png(self, file: bytes) -> Inputs | None:
        """A small PNG, if nothing in it may be large."""
        pixels = self.images.from_plain_file(file)
        if pixels is None and is_quick_png(file):
            pixels = self.images.from_file(file)
        return None if pixels is None else Inputs(Kind.IMAGES, pixels)

    def _of_array(self, array: NDArray[Any]) -> Inputs:
        holds_latents = array.ndim == 2 and array.shape[1] == self.latents.latent_dim
        if Kind.IMAGES not in self.takes or (Kind.LATENTS in self.takes and holds_latents):
            return Inputs(Kind.LATENTS, latents=self.latents.from_array(array))
        return Inputs(Kind.IMAGES, images=self.images.from_array(array))

    def _read_form(self, body: bytes, boundary: str, deadline: Deadline) -> Inputs:
        form = read_form(body, boundary, self.images.max_images)
        allowed = set(_BESIDE) & set(self.takes)
        if not form.fields.keys() <= {kind.value for kind in allowed}:
            raise InvalidBody("The form has an unknown text field; send images as files, each with a file name.")
        labels = ids = None
        if text := form.fields.get(Kind.LABELS):
            labels = read_labels(self._field(Kind.LABELS, text), self.images.max_images)
        if text := form.fields.get(Kind.IDS):
            ids = read_ids(self._field(Kind.IDS, text), self.images.max_images)
        elif Kind.IDS in self.takes:
            ids = tuple(map(id_of_file, form.names))
        return Inputs(Kind.IMAGES, images=self.images.from_files(form.files, deadline), labels=labels, ids=ids)

    def _field(self, kind: Kind, text: str) -> JsonObject:
        """A text field of a form, as if it were a member of a JSON body."""
        return JsonObject(b'{"%s":%s}' % (kind.encode(), text.encode()), [kind], self.max_json_values)


def _reference(value: Json, *named: tuple[str, ...] | None) -> Inputs:
    if value is not True or any(names is not None for names in named):
        raise InvalidBody('"reference" must be true, and comes without labels and ids: the bundle has its own.')
    return Inputs(Kind.REFERENCE)
