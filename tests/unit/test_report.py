"""The report and the model card: complete, alone, safe with any name, and the same every time."""

import base64
import dataclasses
import re
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image, ImageSequence
from rich.console import Console
from sklearn.datasets import load_sample_images

from service.bundle import Bundle
from service.metrics import LinearProof, Separability, SpaceSeparability
from service.naming import short_name
from training.__main__ import main
from training.animation import FRAME_MS, HOLD_MS
from training.card import write_card
from training.command import repeat_command
from training.config import Config
from training.pages import escape_markdown, fence
from training.report import write_report
from training.resolve import resolve
from training.run import train
from training.sheets import colour_errors
from training.tables import separability_rows
from training.wording import number, percent, say_linear, say_separability

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=y>',
    "a: [b]\n- c",
    "$\\q{$",
    "_under",
    "猫",
    "{{ 7 * 7 }}",
)


class Page(HTMLParser):
    """What a page holds: its elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def rendered(tmp_path: Path) -> Callable[[Bundle], Page]:
    """Renders a bundle's report and reads the page."""

    def render(bundle: Bundle) -> Page:
        write_report(bundle, tmp_path)
        return _page(tmp_path)

    return render


@pytest.fixture(scope="module")
def report(digits_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report on digits, which tests only read."""
    folder = tmp_path_factory.mktemp("report")
    write_report(digits_bundle, folder)
    return folder


@pytest.fixture(scope="module")
def page(report: Path) -> Page:
    """The page of that report."""
    return _page(report)


def _page(report: Path) -> Page:
    return Page((report / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def colour_bundle(tmp_path_factory: pytest.TempPathFactory, quiet: Console) -> Bundle:
    """A bundle of small colour images, higher than wide, without labels."""
    folder, photo = tmp_path_factory.mktemp("colour"), load_sample_images().images[0]
    crops = [photo[row : row + 10, column : column + 7] for row in range(0, 400, 20) for column in range(0, 600, 20)]
    np.savez(folder / "crops.npz", images=np.stack(crops))
    config = Config(
        dataset="npz",
        data_root=folder / "crops.npz",
        models_dir=folder,
        name="colour",
        hidden=(8,),
        bottleneck=3,
        epochs=2,
        threads=1,
    )
    return Bundle.open(train(config, quiet))


def changed(bundle: Bundle, **parts: Any) -> Bundle:
    """The same bundle with some of what it holds replaced."""
    copy = Bundle(bundle.path, parts.pop("manifest", bundle.manifest))
    copy.__dict__.update(parts)  # where cached_property looks first
    return copy


def with_dataset(bundle: Bundle, **fields: Any) -> Bundle:
    dataset = bundle.manifest.dataset.model_copy(update=fields)
    return changed(bundle, manifest=bundle.manifest.model_copy(update={"dataset": dataset}))


def with_classes(bundle: Bundle, classes: tuple[str, ...]) -> Bundle:
    """The same images under other labels."""
    labels = np.arange(len(bundle.reference.images)) % len(classes)
    other = with_dataset(bundle, classes=classes)
    return changed(other, manifest=other.manifest, reference=dataclasses.replace(bundle.reference, labels=labels))


def test_the_page_holds_its_pictures_and_fetches_nothing(report: Path, page: Page) -> None:
    files = {base64.b64encode(path.read_bytes()).decode() for path in report.iterdir() if path.suffix != ".html"}
    sources = [str(image["src"]) for image in page.all("img")]
    assert len(sources) == 12
    assert {source.partition("base64,")[2] for source in sources} == files
    assert all(source.startswith("data:image/") for source in sources)
    links = [attributes.get("href") for tag in ("a", "link") for attributes in page.all(tag)]
    assert all(link and link.startswith(("#", "data:")) for link in links)
    assert not page.all("script")
    assert not re.search(r"https?://|url\(|@import", page.text)


def test_every_picture_says_what_it_shows(page: Page) -> None:
    texts = [image["alt"] for image in page.all("img")]
    assert all(text and len(text) > 20 for text in texts)
    assert len(set(texts)) == len(texts)


def test_the_contents_lead_to_sections(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    targets = {str(link["href"]).removeprefix("#") for link in page.all("a")}
    assert targets == {name for name in ids if name}
    assert len(ids) == len(set(ids))


def test_the_report_is_the_same_every_time_and_keeps_what_lies_beside_it(digits_bundle: Bundle, tmp_path: Path) -> None:
    renderings = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "metrics.json").write_text("kept")
        write_report(Bundle.open(digits_bundle.path), folder)
        renderings.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert renderings[0] == renderings[1]
    assert renderings[0]["metrics.json"] == b"kept"


def test_figures_come_from_the_metrics(digits_bundle: Bundle, page: Page) -> None:
    metrics = digits_bundle.metrics
    assert number(metrics.reconstruction["test"].model.squared_error) in page.text
    assert percent(metrics.separability.latents.knn_accuracy) in page.text
    assert percent(metrics.interpolation.latent_wins.ghosting) in page.text
    assert f"{metrics.anomaly.auroc['blurred']:.3f}" in page.text
    assert f"{metrics.latent_map.kl_divergence:.3f}" in page.text


def test_hostile_names_are_text(digits_bundle: Bundle, rendered: Callable[[Bundle], Page]) -> None:
    bundle = with_dataset(with_classes(digits_bundle, HOSTILE), classes=HOSTILE, skipped_files=HOSTILE)
    page = rendered(changed(bundle, reference=with_classes(digits_bundle, HOSTILE).reference))
    assert not page.all("script")
    assert all(str(image["src"]).startswith("data:") for image in page.all("img"))
    assert all(page.text.count(name) >= 2 for name in HOSTILE)


@pytest.mark.parametrize("classes", [("only",), tuple(f"class number {index}" for index in range(62))])
def test_any_number_of_classes_is_drawn(
    classes: tuple[str, ...], digits_bundle: Bundle, rendered: Callable[[Bundle], Page]
) -> None:
    page = rendered(with_classes(digits_bundle, classes))
    assert page.text.count(classes[-1]) >= 1
    assert len(page.all("img")) == 12


def test_unlabelled_colour_images_are_reported(colour_bundle: Bundle, rendered: Callable[[Bundle], Page]) -> None:
    page = rendered(colour_bundle)
    assert "no labels" in page.text
    assert "trustworthiness" in page.text
    assert not re.search("10-NN|linear probe|Per class", page.text)
    assert "10 \N{MULTIPLICATION SIGN} 7 pixels, colour" in page.text.replace("\N{NO-BREAK SPACE}", " ")


def test_four_test_images_are_enough(digits_bundle: Bundle, rendered: Callable[[Bundle], Page]) -> None:
    names = ("images", "labels", "test_indices", "latents", "image_map", "latent_map")
    few = {name: getattr(digits_bundle.reference, name)[:4] for name in names}
    page = rendered(changed(digits_bundle, reference=dataclasses.replace(digits_bundle.reference, **few)))
    assert "4 test images" in page.text


@pytest.mark.parametrize(
    ("gap", "angle", "verdict"),
    [(1e-9, 0.01, "and is PCA"), (0.01, 0.01, "is not PCA"), (1e-9, 58.0, "is not PCA")],
)
def test_a_linear_model_is_judged_by_error_and_angle(gap: float, angle: float, verdict: str) -> None:
    proof = LinearProof(initialisation="random", error_gap=gap, largest_angle_degrees=angle)
    assert verdict in say_linear(proof)


def test_a_linear_model_in_closed_form_shows_its_proof_and_no_empty_plots(
    digits_bundle: Bundle, rendered: Callable[[Bundle], Page], tmp_path: Path
) -> None:
    proof = LinearProof(initialisation="pca", error_gap=2.5e-9, largest_angle_degrees=0.002)
    metrics = digits_bundle.metrics.model_copy(update={"linear": proof})
    page = rendered(changed(digits_bundle, metrics=metrics, history=[]))
    assert "Is it PCA?" in page.text
    assert "2.5 \N{MULTIPLICATION SIGN} 10⁻⁹" in page.text
    assert "closed form" in page.text
    assert not (tmp_path / "training-loss.png").exists()


def test_both_ends_of_the_animation_are_held(report: Path) -> None:
    with Image.open(report / "interpolation.gif") as animation:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(animation)]
        loops = animation.info["loop"]
    half = len(durations) // 2
    assert loops == 0
    assert [place for place, duration in enumerate(durations) if duration == HOLD_MS] == [0, half]
    assert set(durations) == {FRAME_MS, HOLD_MS}


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"epochs": "7", "threads": "2", "seed": "3", "hidden": "64", "learning-rate": "0.0005"},
        {"preset": "tutorial", "dataset": "mnist", "data-root": "/data/with space & $(more)", "name": "other"},
        {"activation": "none", "hidden": "", "linear-init": "random"},
        {"preset": "tutorial", "optimizer": "adamw", "activation": "silu", "batch-size": "64"},
        {"loss": "bce", "optimizer": "sgd", "tensorboard": True, "data-root": "elsewhere"},
        {"dataset": "folder", "image-size": "24x32", "colour": "rgb", "data-root": "-odd", "models-dir": "m"},
        {"dataset": "npz", "data-root": "data", "linear-path": False},
    ],
)
def test_the_repeat_command_resolves_to_the_same_configuration(
    flags: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = resolve(None, flags)
    settled = dataclasses.replace(wanted, name=wanted.name or wanted.dataset)
    monkeypatch.setenv("HOURGLASS_DATA_ROOT", "/not/this/one")
    arguments = shlex.split(" ".join(repeat_command(settled.to_dict())))
    assert arguments[:4] == ["python", "-m", "training", "train"]
    assert main([*arguments[3:], "--print-config"]) == 0
    found = yaml.safe_load(capsys.readouterr().out)
    if arguments.count("--data-root") == 0 and wanted.dataset == "digits":  # which read no folder
        found["data_root"] = "data"
    assert found == wanted.to_dict()


def test_the_repeat_command_says_what_differs_and_nothing_else() -> None:
    assert repeat_command(Config(name="digits", epochs=5, data_root=Path("data")).to_dict()) == [
        "python -m training train",
        "--epochs 5",
    ]


def test_the_page_names_the_commands(digits_bundle: Bundle, page: Page) -> None:
    assert " ".join(repeat_command(digits_bundle.manifest.config)) in page.text
    assert f"python -m training evaluate {shlex.quote(str(digits_bundle.path))}" in page.text


def test_the_cards_front_matter_is_yaml_and_its_text_safe(digits_bundle: Bundle, tmp_path: Path) -> None:
    bundle = with_dataset(digits_bundle, name="odd: [name]\n- #x", classes=HOSTILE)
    write_card(bundle, tmp_path / "README.md")
    _, front, body = (tmp_path / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    matter = yaml.safe_load(front)
    [result] = matter["model-index"][0]["results"]
    values = {figure["type"]: figure["value"] for figure in result["metrics"]}
    assert result["dataset"]["name"] == "odd: [name]\n- #x"
    assert values["squared_error"] == digits_bundle.metrics.reconstruction["test"].model.squared_error
    assert values["accuracy"] == digits_bundle.metrics.separability.latents.knn_accuracy
    assert "<script>" not in body.replace(r"\<script\>", "")


def test_a_card_without_labels_has_no_accuracy(colour_bundle: Bundle, tmp_path: Path) -> None:
    write_card(colour_bundle, tmp_path / "README.md")
    matter = yaml.safe_load((tmp_path / "README.md").read_text(encoding="utf-8").split("---\n", 2)[1])
    assert "accuracy" not in matter["metrics"]


def test_the_cards_python_example_runs(digits_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_card(digits_bundle, tmp_path / "README.md")
    [example] = re.findall(r"```python\n(.*?)```", (tmp_path / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(digits_bundle.path)
    names: dict[str, Any] = {}
    exec(example, names)  # the card is ours, and what it tells readers to run must run
    assert names["latents"].shape == (8, digits_bundle.manifest.latent_dim)
    assert isinstance(names["reconstructions"], torch.Tensor)
    assert names["reconstructions"].shape == names["images"].shape


def space(knn: float | None, trustworthiness: float = 0.9) -> SpaceSeparability:
    return SpaceSeparability(
        knn_accuracy=knn, linear_probe_accuracy=knn, silhouette=knn, trustworthiness=trustworthiness
    )


def separability(pixels: float | None, pca: float | None, latents: float | None) -> Separability:
    counts = {"known": 100, "probe_known": 100, "queries": 200, "sample": 50}
    return Separability(**counts, pixels=space(pixels, 1.0), pca=space(pca), latents=space(latents))


@pytest.mark.parametrize(
    ("pixels", "latents", "verdict"),
    [
        (0.9, 0.95, "separate the classes better than pixels.*5.0 points more"),
        (0.95, 0.9, "do not separate the classes better than pixels.*5.0 points less"),
        (0.9, 0.9, "neither better nor worse than pixels"),
        (None, None, "no labels"),
    ],
)
def test_the_sentence_on_separability_follows_the_numbers(
    pixels: float | None, latents: float | None, verdict: str
) -> None:
    assert re.search(verdict, say_separability(separability(pixels, pixels, latents)))


def test_the_best_of_a_row_is_marked_and_pixels_do_not_compete_in_trustworthiness() -> None:
    rows = {row.name: [cell.is_best for cell in row.cells] for row in separability_rows(separability(0.9, 0.8, 0.9))}
    assert rows["10-NN accuracy"] == [True, False, True]
    assert rows["trustworthiness"] == [False, True, True]


def test_error_maps_are_red_where_too_light_and_blue_where_too_dark() -> None:
    differences = np.array([0.5, -0.5, 0.0], np.float32).reshape(3, 1, 1, 1)
    light, dark, right = colour_errors(differences, scale=0.5).reshape(3, 3).astype(int)
    assert light[0] > light[2] + 100
    assert dark[2] > dark[0] + 100
    assert np.ptp(right) == 0


def test_error_maps_of_colours_do_not_cancel_opposite_signs() -> None:
    differences = np.array([0.4, -0.4, 0.0], np.float32).reshape(1, 1, 1, 3)
    assert np.ptp(colour_errors(differences, scale=0.5)) > 50


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat", "cat"),
        ("Été", "Ete"),
        ("猫", "class 0"),
        (" ", "class 0"),
        ("a\nb", "class 0"),
        ("x" * 30, "x" * 13 + "…"),
    ],
)
def test_pictures_show_names_that_their_fonts_hold(name: str, shown: str) -> None:
    assert short_name((name,), 0) == shown


def test_numbers_keep_three_digits() -> None:
    assert [number(value) for value in (0.29664, 12.592, 99.96, 1234.5, 0.0, None)] == [
        "0.297", "12.6", "100", "1,234", "0.00", "\N{EN DASH}",
    ]  # fmt: skip
    assert percent(0.9997).startswith("100.0")
    assert percent(1.0).startswith("100\N{NO-BREAK SPACE}")


def test_markdown_is_escaped_and_fenced() -> None:
    assert escape_markdown("a|b\n*c*") == r"a\|b \*c\*"
    assert fence("echo ```").startswith("````sh\n")
