"""Placing: 100 latents onto the reference sample's map."""

from collections.abc import Iterator
from functools import partial

from benchmarks.stages.scene import Scene
from benchmarks.stages.stage import Stage, repeated
from service.deadline import Deadline

GROUP = "placing"
_POINTS, _LONG_S = 100, 3600.0


def stages(scene: Scene) -> Iterator[Stage]:
    """At the median of the neighbours' places, and moved from there; microseconds for all of them."""
    known, latents = scene.model.latent_map, scene.model.bundle.autoencoder.encode(scene.pixels[:_POINTS])
    for name, optimise in (("at the median", False), ("and moved", True)):
        place = partial(known.place, latents, Deadline.after(_LONG_S), optimise=optimise)
        yield Stage(GROUP, f"{_POINTS} latents, {name}", repeated(place))
