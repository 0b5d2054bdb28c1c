"""The JSON contract: what bodies and answers hold, as the OpenAPI document states it.

Bodies are read by `inputs.py`, which accepts exactly what these types describe.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from service.errors import MAX_FAULTS
from service.examples import IMAGES, LATENTS
from service.manifest import DatasetRecord, Headline, ImageFormat, Versions
from service.maps import MIN_POINTS
from service.metrics import Metrics

Share = Annotated[float, Field(ge=0, le=1)]
EncodedImage = Annotated[
    str,
    Field(
        min_length=4,
        pattern=r"^(data:image/(png|jpeg|webp|bmp|gif);base64,)?[A-Za-z0-9+/]+={0,2}$",
        description="An encoded image (PNG, JPEG, WebP, BMP or GIF) in base64, or as a base64 data URI.",
    ),
]
Row = Annotated[list[float], Field(min_length=1)]
Numbers = Annotated[
    Row
    | Annotated[list[Row], Field(min_length=1)]
    | Annotated[list[Annotated[list[Row], Field(min_length=1)]], Field(min_length=1)],
    Field(description="Numbers in the shape (height, width, channels), (height, width) of grey models, or flat."),
]
Images = Annotated[list[EncodedImage | Numbers], Field(min_length=1, examples=[IMAGES])]
Latent = Annotated[list[float], Field(min_length=1, description="One number for each dimension of the latent space.")]
Latents = Annotated[list[Latent], Field(min_length=1, examples=[LATENTS])]
Labels = Annotated[
    list[Annotated[str, Field(max_length=200)] | int],
    Field(min_length=MIN_POINTS, description="The class of each point, in their order."),
]
Ids = Annotated[
    list[Annotated[str, Field(max_length=200)]],
    Field(description="What each point is called in the answer, in their order."),
]
PixelRange = Annotated[
    Literal["unit", "byte"],
    Field(description="Whether numbers lie in [0, 1] or in [0, 255]; encoded images mind neither."),
]


class Body(BaseModel):
    """A request body; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ImagesBody(Body):
    """One image or many; encoded ones are converted to the model's size and colours, numbers must fit exactly."""

    images: Images
    pixel_range: PixelRange = "unit"


class LatentsBody(Body):
    """One latent vector or many."""

    latents: Latents


class ImagePathBody(ImagesBody):
    """Images to walk through, in order."""

    images: Annotated[Images, Field(min_length=2, max_length=16)]


class LatentPathBody(LatentsBody):
    """Latents to walk through, in order."""

    latents: Annotated[Latents, Field(min_length=2, max_length=16)]


class LabelledImagesBody(ImagesBody):
    """Images to lay out on a map."""

    images: Annotated[Images, Field(min_length=MIN_POINTS)]
    labels: Labels | SkipJsonSchema[None] = None
    ids: Ids | SkipJsonSchema[None] = None


class LabelledLatentsBody(LatentsBody):
    """Latents to lay out on a map."""

    latents: Annotated[Latents, Field(min_length=MIN_POINTS)]
    labels: Labels | SkipJsonSchema[None] = None
    ids: Ids | SkipJsonSchema[None] = None


class ReferenceBody(Body):
    """The wish for the bundle's own sample of test images, with its labels."""

    reference: Literal[True]


class Reply(BaseModel):
    """What every answer says: which model gave it."""

    model_config = ConfigDict(protected_namespaces=())

    model: str = Field(examples=["digits"])
    version: int = Field(examples=[1])


class EncodeReply(Reply):
    """The latent vector of each image, in order."""

    latents: list[list[float]] = Field(examples=[LATENTS], description="Shape (images, latent_dim).")


GivenImage = Annotated[
    str | list[list[float]] | list[list[list[float]]],
    Field(
        description="With `images=png` the base64 of a PNG file; with `images=numbers` nested lists (height, width[, "
        "channels]) in [0, 1].",
        examples=[IMAGES[0]],
    ),
]


class DecodeReply(Reply):
    """The image of each latent, in order."""

    images: list[GivenImage] = Field(examples=[IMAGES])


class Reconstruction(BaseModel):
    """An image as the model rebuilds it, and how unusual that makes the image."""

    image: GivenImage
    mse: float = Field(ge=0, description="Mean squared error per value, pixels in [0, 1].", examples=[0.0041])
    percentile: Share = Field(
        description="Share of the bundle's held-out images that were rebuilt with a smaller error.", examples=[0.62]
    )
    unusual: bool = Field(description="Whether `percentile` is at or above `threshold`.", examples=[False])


class ReconstructReply(Reply):
    """The reconstruction of each image, in order."""

    reconstructions: list[Reconstruction]


class Frame(BaseModel):
    """One frame of an interpolation in one space."""

    space: Literal["image", "latent"]
    image: Annotated[str, Field(description="The base64 of a PNG file, enlarged by `scale`.", examples=[IMAGES[0]])]
    ghosting: float = Field(
        ge=0, description="Sum of 4x(1 - x) over the ink: 0 is crisp, 4 a uniform haze.", examples=[0.35]
    )
    duration_ms: int = Field(description="How long the frame is shown.", examples=[80])


class InterpolateReply(Reply):
    """The frames of an interpolation; those of the image space first where both were asked for."""

    frames: list[Frame]


class MapSeparability(BaseModel):
    """How well classes keep apart on a map."""

    knn_accuracy: Share = Field(description="Share of points in the class of most of their 10 neighbours.")
    silhouette: float = Field(ge=-1, le=1, description="Mean silhouette coefficient.")


class MapReply(BaseModel):
    """One t-SNE map."""

    space: Literal["image", "latent"]
    coordinates: list[list[float]] = Field(
        description="Shape (points, dimensions), in the order of the points.", examples=[[[1.5, -2.25], [0.5, 3.75]]]
    )
    kl_divergence: float = Field(description="What t-SNE minimised; compare it for equal perplexity only.")
    perplexity: float = Field(description="As used: asked for, or the largest up to 30 that the points allow.")
    trustworthiness: Share = Field(description="Are neighbours on the map neighbours in the space?")
    separability: MapSeparability | None = Field(description="Null without labels of at least two classes.")


class SpaceReply(BaseModel):
    """How well a space itself keeps classes and neighbours, before t-SNE."""

    space: Literal["image", "pca", "latent"] = Field(
        description="Those that were asked for, and where images and latents are at hand PCA of the images."
    )
    components: int = Field(description="Numbers of a vector; PCA has as many as the latent.", examples=[16])
    knn_accuracy: Share | None = Field(description="As of maps; null without labels of at least two classes.")
    silhouette: float | None = Field(ge=-1, le=1, description="As of maps; null without labels of two classes.")
    trustworthiness: Share | None = Field(
        description="Are neighbours in the space neighbours in pixels? Null where the images are not at hand."
    )


class TsneReply(Reply):
    """The maps that were asked for, image space first."""

    labels: list[str] | None = Field(description="The class of each point, in the order of the coordinates.")
    ids: list[str] | None = Field(
        description="What each point is called: as given, its file's name, or its index among all test images."
    )
    maps: list[MapReply]
    spaces: list[SpaceReply]


class Neighbour(BaseModel):
    """A point of the reference sample."""

    index: int = Field(description="Its row in the sample, from 0.", examples=[17])
    distance: float = Field(ge=0, description="Euclidean distance in latent space.", examples=[1.23])
    label: str | None = Field(description="Its class; null where the data have none.", examples=["3"])


class Placement(BaseModel):
    """One point on the reference sample's map of latent space."""

    coordinates: list[float] = Field(examples=[[1.5, -2.25]])
    neighbours: list[Neighbour] = Field(description="The 10 nearest in latent space, the nearest first.")
    distance: float = Field(ge=0, description="The mean distance to them.", examples=[1.31])
    far: bool = Field(description="Whether that is more than of 99 % of the sample to their own neighbours.")


class PlacementReply(Reply):
    """Each image or latent on the known map."""

    space: Literal["latent"]
    ids: list[str] | None = Field(description="What each point is called: as given, or its file's name.")
    placements: list[Placement]


class ReferenceSheet(BaseModel):
    """How the images of the sample lie on `/models/{name}/reference/images`: row by row, without lines between."""

    columns: int = Field(examples=[45])
    rows: int
    tile_width: int = Field(description="In pixels of the sheet.")
    tile_height: int
    scale: float = Field(gt=0, le=1, description="Size of a tile over that of its image; 1 where all fit.")


class ReferenceMaps(BaseModel):
    """The bundle's t-SNE maps, shape (count, 2) each."""

    image: list[list[float]]
    latent: list[list[float]]


class ReferenceErrors(BaseModel):
    """How well each image of the sample is rebuilt."""

    mse: list[float] = Field(description="Mean squared error per value, pixels in [0, 1].")
    percentile: list[Share] = Field(description="Share of held-out images that were rebuilt with a smaller error.")


class ReferenceReply(Reply):
    """The bundle's sample of test images, but for its pictures; everything is in the order of its rows."""

    count: int = Field(description="Images in the sample.", examples=[2000])
    image: ImageFormat
    latent_dim: int
    sheet: ReferenceSheet
    test_indices: list[int] = Field(description="Each image's place among the test images.")
    labels: list[int] | None = Field(description="The number of each image's class; null without labels.")
    classes: list[str] = Field(description="The names of the classes, by number; empty without labels.")
    latents: list[list[float]] = Field(description="Shape (count, latent_dim).")
    maps: ReferenceMaps
    errors: ReferenceErrors


class Limits(BaseModel):
    """What one request may ask for."""

    max_body_bytes: int
    max_images: int = Field(description="As many of this model's; fewer than the setting allows where they are large.")
    max_json_values: int
    max_image_pixels: int
    max_steps: int
    max_frame_pixels: int
    max_animation_values: int
    max_map_points: int
    max_map_iterations: int
    request_timeout_s: float
    body_timeout_s: float
    map_timeout_s: float
    max_queue_images: int


class Links(BaseModel):
    """Where to go on with a model."""

    self: str = Field(examples=["/models/digits"])
    encode: str = Field(examples=["/encode?model=digits"])
    decode: str
    reconstruct: str
    interpolate: str
    tsne: str
    reference: str
    reference_images: str
    report: str


class ModelSummary(BaseModel):
    """One model as a list shows it."""

    name: str = Field(examples=["digits"])
    version: int = Field(description="The version that answers.", examples=[1])
    versions: list[int] = Field(description="Every version that `?version=` can choose.", examples=[[1]])
    created: datetime
    image: ImageFormat
    latent_dim: int = Field(examples=[16])
    dataset: str = Field(examples=["digits"])
    metrics: Headline
    limits: Limits
    links: Links


class ModelDetail(ModelSummary):
    """All that is known of a model, but its pictures."""

    model_config = ConfigDict(protected_namespaces=())

    classes: list[str]
    training: dict[str, object] = Field(description="The resolved training configuration.")
    seed: int
    software: Versions
    data: DatasetRecord
    all_metrics: Metrics
    history: list[dict[str, float]] = Field(
        description="One record an epoch: epoch, train_loss, validation_error, learning_rate, seconds, "
        "images_per_second. Empty for a model that was computed in closed form."
    )
    files: dict[str, str] = Field(description="SHA-256 of every file of the bundle.")


class ComputeReply(BaseModel):
    """What the service computes with."""

    cpus: int = Field(description="CPUs that it may use: by its affinity mask and its cgroup's quota.", examples=[4])
    workers: int = Field(description="Processes that serve.", examples=[2])
    torch_threads: int = Field(description="Threads that the model calls of a worker share.", examples=[2])


class ModelsReply(BaseModel):
    """Every model that is served."""

    default: str | None = Field(description="The model that answers where none is named.", examples=["digits"])
    models: list[ModelSummary]
    compute: ComputeReply


class Live(BaseModel):
    """The service runs."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """The service answers: models are loaded, checked and warm."""

    status: Literal["ready"] = "ready"
    models: dict[str, int] = Field(description="The version that each model serves.", examples=[{"digits": 1}])


class ProblemError(BaseModel):
    """One thing that is wrong, and where."""

    detail: str
    pointer: str | None = Field(None, description="A JSON pointer into the body.", examples=["#/images/3"])
    parameter: str | None = Field(None, description="The name of a query parameter.")


class Problem(BaseModel):
    """A refusal (RFC 9457). `type` is stable: switch on it."""

    type: str = Field(examples=["/problems/wrong-shape"])
    title: str
    status: int = Field(ge=400, le=599, examples=[422])
    detail: str = Field(description="What to change.")
    request_id: str = Field(description="The same as the header X-Request-ID; the service's log has it too.")
    errors: list[ProblemError] = Field(max_length=MAX_FAULTS, description="What is wrong, item by item; at most ten.")


class ProblemKind(BaseModel):
    """What a problem type means."""

    type: str = Field(examples=["/problems/wrong-shape"])
    title: str
    status: int = Field(examples=[422])
    description: str
