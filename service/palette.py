"""The colours of pictures, light and dark: ink, paper, and classes that stay apart for colour-blind eyes too."""

from dataclasses import dataclass

from service.maps import Theme


@dataclass(frozen=True)
class Palette:
    """The colours of one theme."""

    paper: str
    pane: str
    """Behind the points of three dimensions."""
    frame: str
    faint: str
    quiet: str
    """Of small text."""
    ink: str
    classes: tuple[str, ...]
    """Ten that stay apart."""
    scale: tuple[float, float]
    """The part of a perceptual scheme that can be seen on the paper, for more classes than ten."""


PALETTES: dict[Theme, Palette] = {
    # Okabe & Ito's colours without black and with yellow darkened, and four of Tol's.
    "light": Palette(
        paper="#FFFFFF", pane="#F7F9FA", frame="#E4E8EC", faint="#8A94A0", quiet="#52606D", ink="#1F2933",
        classes=(
            "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#332288", "#999933", "#882255",
            "#777777",
        ),
        scale=(0, 0.92),
    ),
    # The same hues in the same order, each as light as it takes to be seen on dark paper.
    "dark": Palette(
        paper="#11161C", pane="#171E26", frame="#2B3641", faint="#6B7885", quiet="#A3B0BD", ink="#E8EDF2",
        classes=(
            "#3D95E6", "#F0AE2B", "#18B487", "#E59BC7", "#F26B21", "#93D6FF", "#9384F0", "#CFCB62", "#D0568C",
            "#AEB6BE",
        ),
        scale=(0.25, 1),
    ),
}  # fmt: skip
