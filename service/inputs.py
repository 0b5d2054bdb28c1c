"""What a request's body holds, whichever of its forms it comes in: images, latents, or the wish for the reference."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from service.arrays import Latents, Pixels
from service.errors import InvalidBody, UnsupportedMediaType
from service.form import boundary_of, read_form
from service.image_input import ImageReader
from service.json_body import Json, JsonObject
from service.labels import read_labels
from service.latent_input import LatentReader
from service.media import IMAGE_BODIES, JSON, LATENT_BODIES, MULTIPART, NPY, SEVERAL_IMAGE_BODIES
from service.npy import read_npy


class Kind(StrEnum):
    """What a route may take."""

    IMAGES = "images"
    LATENTS = "latents"
    REFERENCE = "reference"
    LABELS = "labels"


@dataclass(frozen=True)
class Inputs:
    """A body that was read: images, latents, or the wish for the reference, and labels if there were some."""

    kind: Kind
    pixels: Pixels = field(default_factory=lambda: np.empty((0, 0, 0, 0), np.float32))
    latents: Latents = field(default_factory=lambda: np.empty((0, 0), np.float32))
    labels: tuple[str, ...] | None = None

    @property
    def count(self) -> int:
        """How many images or latents the body holds."""
        return len(self.pixels) + len(self.latents)


@dataclass(frozen=True)
class BodyReader:
    """Reads bodies of the kinds that a route takes, in every form that those kinds come in."""

    takes: frozenset[Kind]
    images: ImageReader
    latents: LatentReader
    max_json_values: int

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types that a body may have."""
        if Kind.IMAGES not in self.takes:
            return LATENT_BODIES
        return SEVERAL_IMAGE_BODIES if Kind.LATENTS in self.takes else IMAGE_BODIES

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

    def read(self, content_type: str, body: bytes) -> Inputs:
        """Read a whole body by its `Content-Type`.

        Raises:
            Refusal: The kinds below 400, 413, 415 and 422 in `service/errors.py`.
        """
        media_type = self.check_media_type(content_type)
        if media_type == JSON:
            return self._read_json(body)
        if media_type == NPY:
            return self._read_array(body)
        if media_type == MULTIPART:
            return self._read_form(body, boundary_of(content_type))
        return Inputs(Kind.IMAGES, pixels=self.images.from_files([body]))

    def _read_json(self, body: bytes) -> Inputs:
        keys = [kind.value for kind in Kind if kind in self.takes]
        known = [*keys, "pixel_range"] if Kind.IMAGES in self.takes else keys
        document = JsonObject(body, known, self.max_json_values)
        labels = read_labels(document, self.images.max_images) if "labels" in document else None
        chosen = [key for key in keys if key in document and key != Kind.LABELS]
        if len(chosen) != 1:
            options = ", ".join(f'"{key}"' for key in keys if key != Kind.LABELS)
            raise InvalidBody(f"The body must have exactly one of {options}.")
        if chosen == [Kind.REFERENCE]:
            return _reference(document.get(Kind.REFERENCE), labels)
        if chosen == [Kind.LATENTS]:
            return Inputs(Kind.LATENTS, latents=self.latents.from_json(document), labels=labels)
        return Inputs(Kind.IMAGES, pixels=self.images.from_json(document), labels=labels)

    def _read_array(self, body: bytes) -> Inputs:
        array = read_npy(body)
        holds_latents = array.ndim == 2 and array.shape[1] == self.latents.latent_dim
        if Kind.IMAGES not in self.takes or (Kind.LATENTS in self.takes and holds_latents):
            return Inputs(Kind.LATENTS, latents=self.latents.from_array(array))
        return Inputs(Kind.IMAGES, pixels=self.images.from_array(array))

    def _read_form(self, body: bytes, boundary: str) -> Inputs:
        form = read_form(body, boundary, self.images.max_images)
        allowed = {Kind.LABELS.value} & set(self.takes)
        if not form.fields.keys() <= allowed:
            raise InvalidBody("The form has an unknown text field; send images as files, each with a file name.")
        labels = None
        if text := form.fields.get(Kind.LABELS):
            document = JsonObject(b'{"labels":%s}' % text.encode(), [Kind.LABELS], self.max_json_values)
            labels = read_labels(document, self.images.max_images)
        return Inputs(Kind.IMAGES, pixels=self.images.from_files(form.files), labels=labels)


def _reference(value: Json, labels: tuple[str, ...] | None) -> Inputs:
    if value is not True or labels is not None:
        raise InvalidBody('"reference" must be true, and comes without labels: the bundle has its own.')
    return Inputs(Kind.REFERENCE)
