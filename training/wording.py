"""Figures as readers read them, and the sentences that say what they mean, whichever way they came out."""

from service.metrics import Interpolation, LinearProof, Separability, SplitReconstruction

MISSING = "\N{EN DASH}"
MAX_GAP = 1e-6
MAX_ANGLE_DEGREES = 0.1
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None) -> str:
    """Three significant digits: 0.297, 12.6, 1,234; powers of ten where it is tiny."""
    if value is None:
        return MISSING
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    if value and abs(value) < 1e-4:
        digits, _, exponent = f"{value:.1e}".partition("e")
        return f"{digits} \N{MULTIPLICATION SIGN} 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return f"{value:#.3g}".removesuffix(".")


def percent(share: float | None) -> str:
    """A share as a percentage: 98.1 %; none and all without decimals, so that 100 % is no rounded 99.97 %."""
    if share is None:
        return MISSING
    return f"{100 * share:.{0 if share in {0, 1} else 1}f}\N{NO-BREAK SPACE}%"


def count(value: int) -> str:
    """A whole number with thousands apart."""
    return f"{value:,}"


def say_reconstruction(test: SplitReconstruction, train: SplitReconstruction) -> str:
    """How the model does beside PCA, and how much worse it is on images that it never saw."""
    model, pca = test.model.squared_error, test.pca.squared_error
    gap = model - train.model.squared_error
    return (
        f"On {count(test.images)} test images the model's error is {number(model)}, {_relation(model, pca)} that of "
        f"PCA with as many components ({number(pca)}). It is {number(abs(gap))} {'above' if gap >= 0 else 'below'} the "
        "error on training images."
    )


def say_separability(figures: Separability) -> str:
    """Whether latents keep classes apart better than pixels do, by 10-NN accuracy."""
    latents, pixels = figures.latents.knn_accuracy, figures.pixels.knn_accuracy
    if latents is None or pixels is None:
        return "The data have no labels, so nothing is known of classes; only trustworthiness can be measured."
    points = 100 * (latents - pixels)
    if round(points, 1) == 0:
        verdict = "The latents separate the classes neither better nor worse than pixels"
    else:
        verdict = f"The latents {'separate' if points > 0 else 'do not separate'} the classes better than pixels"
    by = "" if round(points, 1) == 0 else f", {abs(points):.1f} points {'more' if points > 0 else 'less'}"
    return (
        f"{verdict}: a 10-nearest-neighbour vote names the class of {percent(latents)} of the queries right in latent "
        f"space and of {percent(pixels)} in pixels{by}. One query is {100 / figures.queries:.2g} points."
    )


def say_interpolation(figures: Interpolation) -> str:
    """In how many pairs the latent path is the better one."""
    wins = figures.latent_wins
    return (
        f"Over {count(figures.pairs)} pairs with {figures.frames} images between each, the latent path has less "
        f"ghosting in {percent(wins.ghosting)} of the pairs, stays nearer to a training image in "
        f"{percent(wins.nearest_distance)} and has the lower residual in {percent(wins.residual)}."
    )


def say_linear(proof: LinearProof) -> str:
    """Whether an autoencoder without activation functions is PCA."""
    is_pca = abs(proof.error_gap) < MAX_GAP and proof.largest_angle_degrees < MAX_ANGLE_DEGREES
    if is_pca:
        return "This model has no activation functions and is PCA: it has the same error and subspace, up to rounding."
    began = "was set to PCA" if proof.initialisation == "pca" else "was trained by gradient descent from random weights"
    return (
        f"This model has no activation functions and {began}. It is not PCA: its error is "
        f"{percent(abs(proof.error_gap))} {'above' if proof.error_gap >= 0 else 'below'} PCA's, and its subspace is "
        f"turned by up to {number(proof.largest_angle_degrees)} degrees."
    )


def _relation(model: float, pca: float) -> str:
    return f"{number(100 * model / pca)}\N{NO-BREAK SPACE}% of" if pca else "beside"
