"""What a run can be told: frozen sections, each field a flag of the command line and a key of a configuration file."""

import dataclasses
import os
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from service.manifest import NAME_PATTERN

DatasetName: TypeAlias = Literal[
    "digits", "mnist", "fashion-mnist", "kmnist", "emnist", "qmnist", "cifar10", "svhn", "folder", "npz"
]
Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
Activation: TypeAlias = Literal["none", "relu", "leaky-relu", "elu", "silu", "gelu", "tanh", "sigmoid", "softplus"]

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


def _split_sizes(value: object) -> object:
    """Accept "512,256" from a flag where a file gives [512, 256]; "" is no hidden layer."""
    if isinstance(value, str):
        return [part for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int) else value


def _split_decoder_sizes(value: object) -> object:
    """Leave a rule's name as it is."""
    return value if value in ("mirror", "narrow") else _split_sizes(value)


def _name_boolean(value: object) -> object:
    """YAML reads a bare yes or no as a boolean."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _split_image_size(value: object) -> object:
    """Accept 32, "32" and "24x32" (height x width) for a size."""
    parts = value.lower().split("x") if isinstance(value, str) else value
    if isinstance(parts, int):
        return (parts, parts)
    return tuple(parts * 2) if isinstance(parts, list) and len(parts) == 1 else parts


Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=0.5)]
Sizes = Annotated[tuple[Positive, ...], BeforeValidator(_split_sizes)]
DecoderSizes = Annotated[Literal["mirror", "narrow"] | tuple[Positive, ...], BeforeValidator(_split_decoder_sizes)]
ImageSize = Annotated[tuple[Positive, Positive], BeforeValidator(_split_image_size)]


def _doc(text: str, default: Any) -> Any:
    return field(default=default, metadata={"help": text})


def _default_data_root() -> Path:
    return Path(os.environ.get("HOURGLASS_DATA_ROOT", "data"))


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DataConfig:
    """Which images, and how they are held."""

    dataset: DatasetName = _doc("which images to train on", "digits")
    data_root: Path = field(
        default_factory=_default_data_root,
        metadata={
            "help": "folder of the torchvision data sets; the image folder; the .npz file; "
            "by default the environment variable HOURGLASS_DATA_ROOT, or data"
        },
    )
    download: bool = _doc("let torchvision fetch a data set that is missing", False)
    emnist_split: Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"] = _doc(
        "which of EMNIST's six divisions", "balanced"
    )
    image_size: ImageSize | None = _doc(
        "resize a folder's images to N or HEIGHTxWIDTH pixels; by default their own size where all agree on one of at "
        "most 64x64, and 32 elsewhere",
        None,
    )
    colour: Literal["auto", "grey", "rgb"] = _doc(
        "how a folder's images are read; auto: in colour when any of them has it", "auto"
    )
    in_memory: Annotated[Literal["auto", "yes", "no"], BeforeValidator(_name_boolean)] = _doc(
        "hold the images as one tensor, or stream them from disk with the same result; auto: as memory allows", "auto"
    )
    workers: Annotated[int, Field(ge=0)] = _doc("processes that decode streamed images", 2)
    validation_fraction: Share = _doc("share of the training images, at most 5,000, held out to choose by", 0.1)
    test_fraction: Share = _doc("share held out for the final test where a data set brings no test images", 0.2)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ModelConfig:
    """The autoencoder's shape."""

    bottleneck: Positive = _doc("numbers in a latent vector", 16)
    hidden: Sizes = _doc("widths of the encoder's hidden layers", (512, 256))
    decoder_hidden: DecoderSizes = _doc(
        "widths of the decoder's hidden layers; mirror: the encoder's, reversed; narrow: all as wide as its last",
        "narrow",
    )
    activation: Activation = _doc("between layers; none makes the autoencoder linear, and PCA", "gelu")
    norm: Literal["none", "layer"] = _doc("normalise the hidden layers", "none")
    whiten: Annotated[int, Field(ge=0)] = _doc(
        "PCA components that the encoder sees, whitened, at least two a latent; 0: raw pixels", 128
    )
    linear_path: bool = _doc("a linear path through the bottleneck, begun as PCA, beside the non-linear one", True)
    refinements: Annotated[int, Field(ge=0)] = _doc(
        "times that the encoder decodes, looks at the error, and corrects", 1
    )
    output: Literal["clamp", "sigmoid", "linear"] = _doc("how outputs are kept in [0, 1]", "clamp")
    linear_init: Literal["pca", "random"] = _doc("with activation none: begin, and end, as PCA, or train", "pca")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class FitConfig:
    """How the weights are found."""

    loss: Literal["mse", "l1", "huber", "bce"] = _doc("what training minimises", "mse")
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = _doc("how it is minimised", "adamw")
    learning_rate: Annotated[float, Field(gt=0)] = _doc(
        "the highest learning rate of the schedule (with adam and rmsprop 0.001, with sgd 0.3)", 5e-3
    )
    schedule: Literal["cosine", "linear", "constant"] = _doc("how the learning rate ends", "cosine")
    warmup: Annotated[float, Field(ge=0, lt=1)] = _doc("share of the steps over which it rises", 0.05)
    weight_decay: Annotated[float, Field(ge=0)] = _doc("weight decay of the optimizer (0 with any but adamw)", 0.3)
    batch_size: Positive = _doc("images a step", 128)
    augment: Literal["none", "warp"] = _doc("warp images slightly, but for the last three tenths of the steps", "warp")
    epochs: Positive | None = _doc(
        "passes over the training images; by default 60, or fewer that come to 1.3 million images, or more that make "
        "600 steps",
        None,
    )
    patience: Annotated[int, Field(ge=0)] = _doc(
        "stop after this many epochs without a better validation error; 0: never", 0
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = _doc("of weights, order and maps; not of the splits", 0)
    device: Device = _doc("where to train", "auto")
    threads: Positive | None = _doc("CPU threads of torch; by default one for every usable CPU", None)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class OutputConfig:
    """Where a run writes."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)] | None = _doc("model name; by default the data set's", None)
    models_dir: Path = _doc("folder of all models", Path("models"))
    tensorboard: bool = _doc("also write TensorBoard events, to runs/<name>", False)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Config(OutputConfig, FitConfig, ModelConfig, DataConfig):
    """Everything a run can be told.

    Its sections are its bases, so that each part of training asks for its own only. (Fields begin with the last base.)
    """

    preset: Literal["best", "tutorial"] = _doc(
        "best: the strongest recipe; tutorial: the plain textbook network", "best"
    )

    def __post_init__(self) -> None:
        if self.activation == "none":
            _check_linear(self)
        if self.norm == "layer" and self.refinements:
            raise ValueError("--refinements go with --norm none only")
        if self.loss == "bce" and self.output != "sigmoid":
            raise ValueError("--loss bce needs --output sigmoid")
        if self.dataset != "folder" and (self.image_size or self.colour != "auto"):
            raise ValueError("--image-size and --colour are for --dataset folder only")

    @property
    def model_name(self) -> str:
        """What the model is called: as said, or like its data set."""
        return self.name or self.dataset

    @property
    def begins_as_pca(self) -> bool:
        """Whether the model is PCA, found in closed form, so that nothing is left to train."""
        return self.activation == "none" and self.linear_init == "pca"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a configuration file holds them; what is None is left out."""
        return {key: _plain(value) for key, value in dataclasses.asdict(self).items() if value is not None}


# What an autoencoder without activation functions leaves out, so that it stays linear.
LINEAR = {"whiten": 0, "linear_path": False, "refinements": 0, "norm": "none", "output": "linear"}


def _check_linear(config: Config) -> None:
    broken = [key for key, value in LINEAR.items() if getattr(config, key) != value]
    if broken:
        raise ValueError(
            f"--activation none is a linear autoencoder, which --{broken[0].replace('_', '-')} would break"
        )
    given = () if isinstance(config.decoder_hidden, str) else config.decoder_hidden
    if any(width < config.bottleneck for width in (*config.hidden, *given)):
        raise ValueError("with --activation none no hidden layer may be narrower than the bottleneck")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
