"""An encoder behind FastAPI as its documentation and tutorials have it: one model call a request."""

import functools
import io
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, ParamSpec, TypeVar

import numpy as np
import torch
from fastapi import Body, FastAPI, Response
from PIL import Image
from pydantic import BaseModel

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
Rows = list[list[float]]
Png = Annotated[bytes, Body(media_type="image/png")]

torch.set_num_threads(int(os.environ.get("PEER_THREADS", "1")))
model = torch.jit.load(os.environ["MODEL"], map_location="cpu").eval()
application = FastAPI()


class Pixels(BaseModel):
    """One image, flat, in [0, 1]."""

    pixels: list[float]


class PixelsOfMany(BaseModel):
    """Several images."""

    images: Rows


class Latent(BaseModel):
    """The latent vector of one image."""

    latent: list[float]


class Latents(BaseModel):
    """Those of several."""

    latents: Rows


def route(function: Callable[Parameters, Answer]) -> Callable[Parameters, Answer | Awaitable[Answer]]:
    """Leave a route as it is, for FastAPI to run it in a thread, or make the coroutine of it that is also common."""

    @functools.wraps(function)
    async def coroutine(*arguments: Parameters.args, **named: Parameters.kwargs) -> Answer:
        return function(*arguments, **named)

    return coroutine if os.environ["ROUTES"] == "async def" else function


@application.post("/encode", response_model=Latent)
@route
def encode(body: Pixels) -> Latent:
    """One image as numbers."""
    return Latent(latent=_encode(torch.tensor([body.pixels]))[0])


@application.post("/encode-batch", response_model=Latents)
@route
def encode_batch(body: PixelsOfMany) -> Latents:
    """Several images as numbers."""
    return Latents(latents=_encode(torch.tensor(body.images)))


@application.post("/encode-png", response_model=Latent)
@route
def encode_png(body: Png) -> Latent:
    """One image as a file."""
    return Latent(latent=_encode(_decode_png(body))[0])


@application.post("/reconstruct-png")
@route
def reconstruct_png(body: Png) -> Response:
    """A file in, a file out."""
    with torch.inference_mode():
        rebuilt = model(_decode_png(body))[0, :, :, 0]
    file = io.BytesIO()
    Image.fromarray((rebuilt * 255).round().to(torch.uint8).numpy()).save(file, "PNG")
    return Response(file.getvalue(), media_type="image/png")


def _encode(images: torch.Tensor) -> Rows:
    with torch.inference_mode():
        rows: Rows = model.encode(images.view(-1, 28, 28, 1)).tolist()
    return rows


def _decode_png(body: bytes) -> torch.Tensor:
    pixels = np.array(Image.open(io.BytesIO(body)).convert("L"), dtype=np.float32)
    return torch.from_numpy(pixels / 255).view(1, 28, 28, 1)
