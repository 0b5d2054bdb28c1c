"""The configuration: its layers, its files, its refusals, and a flag for everything."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from training.__main__ import main
from training.config import Config
from training.errors import InvalidConfig
from training.resolve import PRESETS, from_dict, resolve

FIELDS = [field.name for field in dataclasses.fields(Config)]

# A valid value of every field, as a file holds it and other than the default.
OTHER: dict[str, Any] = {
    "dataset": "npz",
    "data_root": "elsewhere/images",
    "download": True,
    "emnist_split": "letters",
    "image_size": [24, 32],
    "colour": "rgb",
    "in_memory": "no",
    "workers": 0,
    "validation_fraction": 0.25,
    "test_fraction": 0.3,
    "bottleneck": 3,
    "hidden": [40, 20],
    "decoder_hidden": [20, 50],
    "activation": "tanh",
    "norm": "layer",
    "whiten": 7,
    "linear_path": False,
    "refinements": 2,
    "output": "linear",
    "linear_init": "random",
    "loss": "l1",
    "optimizer": "sgd",
    "learning_rate": 0.125,
    "schedule": "linear",
    "warmup": 0.25,
    "weight_decay": 0.75,
    "batch_size": 33,
    "augment": "none",
    "epochs": 44,
    "patience": 5,
    "seed": 6,
    "device": "cpu",
    "threads": 1,
    "name": "other-name",
    "models_dir": "elsewhere/models",
    "tensorboard": True,
    "preset": "tutorial",
}
# What has to be said beside a field so that its value makes sense.
NEEDS: dict[str, dict[str, Any]] = {"image_size": {"dataset": "folder"}, "colour": {"dataset": "folder"}}


def _yaml(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False)


def _toml(values: Mapping[str, Any]) -> str:
    """JSON's strings, numbers, booleans and arrays are TOML's too."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


WRITERS: dict[str, Callable[[Mapping[str, Any]], str]] = {".yaml": _yaml, ".yml": _yaml, ".toml": _toml}


def _write(folder: Path, values: Mapping[str, Any], ending: str = ".yaml") -> Path:
    path = folder / f"config{ending}"
    path.write_text(WRITERS[ending](values), encoding="utf-8")
    return path


def _refusal(file: Path | None = None, **flags: Any) -> str:
    """The one line with which a configuration is refused."""
    with pytest.raises(InvalidConfig) as refused:
        resolve(file, flags)
    message = str(refused.value)
    assert message
    assert "\n" not in message
    return message


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _flag_arguments(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [_flag(name) if value else f"--no-{name.replace('_', '-')}"]
    if name == "image_size":
        return [_flag(name), "x".join(map(str, value))]
    return [_flag(name), ",".join(map(str, value)) if isinstance(value, list) else str(value)]


def test_this_module_has_a_value_to_try_for_every_field() -> None:
    assert set(OTHER) == set(FIELDS)
    defaults = Config().to_dict()
    assert [name for name in FIELDS if OTHER[name] == defaults.get(name)] == []


def test_without_file_and_flags_a_run_has_the_defaults() -> None:
    assert resolve(None, {}) == Config()
    assert resolve(None, {"preset": "best"}) == Config()


def test_a_preset_changes_what_it_names_and_nothing_else() -> None:
    before, after = Config().to_dict(), resolve(None, {"preset": "tutorial"})
    for name in FIELDS:
        if name in PRESETS["tutorial"]:
            assert getattr(after, name) == PRESETS["tutorial"][name]
        elif name != "preset":
            assert after.to_dict().get(name) == before.get(name)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_wins_over_the_preset_and_a_flag_over_the_file(tmp_path: Path, ending: str) -> None:
    file = _write(tmp_path, {"preset": "tutorial", "bottleneck": 5, "learning-rate": 0.25}, ending)
    config = resolve(file, {"bottleneck": "9"})
    assert config.bottleneck == 9  # the flag, over the file's 5 and the preset's 32
    assert config.learning_rate == 0.25  # the file, over the preset's 0.001
    assert config.hidden == PRESETS["tutorial"]["hidden"]  # the preset, over the default
    assert config.batch_size == Config().batch_size  # the default


def test_a_flag_chooses_the_preset_over_the_file(tmp_path: Path) -> None:
    file = _write(tmp_path, {"preset": "tutorial", "batch_size": 17})
    assert resolve(file, {"preset": "best"}) == dataclasses.replace(Config(), batch_size=17)


def test_what_an_optimizer_implies_yields_to_file_and_flags(tmp_path: Path) -> None:
    implied = resolve(None, {"optimizer": "sgd"})
    assert implied.learning_rate != Config().learning_rate
    assert implied.weight_decay == 0
    file = _write(tmp_path, {"optimizer": "sgd", "learning_rate": 0.0625})
    chosen = resolve(file, {"weight-decay": "0.5"})
    assert (chosen.learning_rate, chosen.weight_decay) == (0.0625, 0.5)


@pytest.mark.parametrize("preset", PRESETS)
def test_cross_entropy_brings_the_output_that_it_needs(preset: str) -> None:
    assert resolve(None, {"preset": preset, "loss": "bce"}).output == "sigmoid"
    for output in ("linear", "clamp"):
        assert "--output sigmoid" in _refusal(preset=preset, loss="bce", output=output)


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("name", OTHER)
def test_every_field_is_a_key_with_dashes_or_underscores(tmp_path: Path, name: str, ending: str) -> None:
    read = [
        resolve(_write(tmp_path, {key: OTHER[name]} | NEEDS.get(name, {}), ending), {})
        for key in (name, name.replace("_", "-"))
    ]
    assert read[0] == read[1]
    assert read[0].to_dict()[name] == OTHER[name]


@pytest.mark.parametrize("text", ["", "\n# nothing but a remark\n"])
def test_an_empty_file_changes_nothing(tmp_path: Path, text: str) -> None:
    for ending in WRITERS:
        file = tmp_path / f"empty{ending}"
        file.write_text(text, encoding="utf-8")
        assert resolve(file, {}) == Config()


@pytest.mark.parametrize("ending", WRITERS)
def test_an_unknown_key_of_a_file_is_named(tmp_path: Path, ending: str) -> None:
    assert _refusal(_write(tmp_path, {"learning_speed": 1}, ending)) == "unknown key learning-speed"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.yaml", b"hidden: [1, 2"),
        ("broken.yml", b"a: b: c"),
        ("broken.toml", b"hidden ="),
        ("list.yaml", b"- seed\n- 1\n"),
        ("text.yaml", b"seed"),
        ("control.yaml", b"seed: \x00"),
        ("latin1.yaml", "name: é".encode("latin-1")),
        ("latin1.toml", "name = 'é'".encode("latin-1")),
        ("python.yaml", b"seed: !!python/object/apply:os.getpid []"),
        ("config.json", b'{"seed": 1}'),
        ("config", b"seed: 1"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_by_its_name(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert str(file) in _refusal(file)


def test_a_date_that_does_not_exist_is_refused_like_other_broken_yaml(tmp_path: Path) -> None:
    file = tmp_path / "date.yaml"
    file.write_text("name: 2026-13-45\n", encoding="utf-8")
    assert str(file) in _refusal(file)


@pytest.mark.parametrize("value", ["yes", "no"])
def test_in_memory_can_be_written_in_yaml_as_its_help_says(tmp_path: Path, value: str) -> None:
    file = tmp_path / "config.yaml"
    for text in (f"in-memory: {value}\n", f"in_memory: '{value}'\n"):
        file.write_text(text, encoding="utf-8")
        assert resolve(file, {}).in_memory == value


@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path: Path, ending: str) -> None:
    assert str(tmp_path / f"no{ending}") in _refusal(tmp_path / f"no{ending}")
    (tmp_path / f"folder{ending}").mkdir()
    assert str(tmp_path / f"folder{ending}") in _refusal(tmp_path / f"folder{ending}")


@pytest.mark.parametrize("name", OTHER)
def test_a_value_of_a_wrong_type_is_refused_by_its_flag(name: str) -> None:
    assert _refusal(**NEEDS.get(name, {}) | {name: {"a": 1}}).startswith(f"{_flag(name)}: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dataset", "mnits"),
        ("emnist_split", "all"),
        ("image_size", "0"),
        ("image_size", "24x"),
        ("image_size", "24x32x3"),
        ("image_size", [24, 32, 3]),
        ("image_size", "large"),
        ("colour", "color"),
        ("in_memory", "maybe"),
        ("workers", -1),
        ("download", "perhaps"),
        ("validation_fraction", 0),
        ("validation_fraction", 0.5),
        ("test_fraction", 0.0),
        ("test_fraction", 1),
        ("bottleneck", 0),
        ("bottleneck", 2.5),
        ("bottleneck", "many"),
        ("hidden", "512,0"),
        ("hidden", "512;256"),
        ("hidden", [512, "wide"]),
        ("decoder_hidden", "0"),
        ("refinements", -1),
        ("activation", "gulu"),
        ("whiten", -1),
        ("output", "tanh"),
        ("loss", "mean"),
        ("optimizer", "lion"),
        ("learning_rate", 0),
        ("learning_rate", "nan"),
        ("learning_rate", float("inf")),
        ("schedule", "step"),
        ("warmup", 1),
        ("weight_decay", -0.1),
        ("batch_size", 0),
        ("epochs", 0),
        ("patience", -1),
        ("seed", -1),
        ("seed", 2**32),
        ("device", "tpu"),
        ("threads", 0),
        ("name", "../outside"),
        ("name", ""),
        ("name", "Capital"),
        ("name", "a" * 65),
        ("name", "line\n"),
        ("preset", "fastest"),
    ],
)
def test_a_value_out_of_its_bounds_is_refused_by_its_flag(name: str, value: Any) -> None:
    assert _refusal(**NEEDS.get(name, {}) | {name: value}).startswith(f"{_flag(name)}: ")


@pytest.mark.parametrize("given", [{"image_size": "32"}, {"colour": "grey"}, {"colour": "rgb", "dataset": "mnist"}])
def test_what_only_a_folder_has_is_refused_elsewhere(given: dict[str, Any]) -> None:
    assert "--dataset folder" in _refusal(**given)
    resolve(None, given | {"dataset": "folder"})


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("value", "expected"), [("512,256", (512, 256)), ("64", (64,)), (64, (64,)), ([8, 4], (8, 4)), ("", ()), ([], ())]
)
def test_hidden_widths_are_a_list_or_comma_separated(value: Any, expected: tuple[int, ...]) -> None:
    assert resolve(None, {"hidden": value}).hidden == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("32", (32, 32)), (32, (32, 32)), ("24x32", (24, 32)), ("24X32", (24, 32)), ([24, 32], (24, 32)), ([9], (9, 9))],
)
def test_an_image_size_is_one_number_or_height_by_width(value: Any, expected: tuple[int, int]) -> None:
    assert resolve(None, {"dataset": "folder", "image_size": value}).image_size == expected


def test_the_data_root_comes_from_the_environment_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURGLASS_DATA_ROOT", "from/the/environment")
    assert resolve(None, {}).data_root == Path("from/the/environment")
    assert resolve(None, {"data_root": "from/a/flag"}).data_root == Path("from/a/flag")
    monkeypatch.delenv("HOURGLASS_DATA_ROOT")
    assert resolve(None, {}).data_root == Path("data")


CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "preset": st.sampled_from(sorted(PRESETS)),
        "dataset": st.sampled_from(["digits", "mnist", "npz"]),
        "data_root": st.sampled_from(["data", "with space/#1", "C:\\data", "[a]", "yes", "null", "ü"]),
        "in_memory": st.sampled_from(["auto", "yes", "no"]),
        "activation": st.sampled_from(["silu", "relu", "none"]),
        "hidden": st.lists(st.integers(64, 1024), max_size=4),
        "bottleneck": st.integers(1, 64),
        "learning_rate": st.floats(1e-9, 10, allow_subnormal=False),
        "epochs": st.integers(1, 10**6),
        "seed": st.integers(0, 2**32 - 1),
        "name": st.sampled_from(["no", "1", "1e3", "2026-01-01", "a.b_c-d"]),
        "download": st.booleans(),
    },
)


@given(CONFIGS)
def test_plain_values_round_trip(given: dict[str, Any]) -> None:
    config = resolve(None, given)
    plain = config.to_dict()
    assert from_dict(plain) == config
    assert from_dict(json.loads(json.dumps(plain))) == config  # as the manifest stores it


@settings(max_examples=30)
@given(CONFIGS)
def test_files_round_trip(tmp_path_factory: pytest.TempPathFactory, given: dict[str, Any]) -> None:
    config = resolve(None, given)
    folder = tmp_path_factory.getbasetemp()
    for ending in WRITERS:
        assert resolve(_write(folder, config.to_dict(), ending), {}) == config


@pytest.mark.parametrize("name", OTHER)
def test_every_field_survives_a_file(tmp_path: Path, name: str) -> None:
    config = resolve(None, {name: OTHER[name]} | NEEDS.get(name, {}))
    for ending in WRITERS:
        assert resolve(_write(tmp_path, config.to_dict(), ending), {}) == config


@pytest.mark.parametrize("preset", PRESETS)
def test_without_activation_everything_that_is_not_linear_is_left_out(preset: str) -> None:
    config = resolve(None, {"preset": preset, "activation": "none"})
    assert (config.whiten, config.linear_path, config.norm, config.output) == (0, False, "none", "linear")
    assert config.refinements == 0
    assert config.weight_decay == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("whiten", 8), ("linear_path", True), ("norm", "layer"), ("output", "clamp"), ("refinements", 1)],
)
def test_without_activation_what_would_break_linearity_is_refused(name: str, value: Any) -> None:
    message = _refusal(activation="none", **{name: value})
    assert "--activation none" in message
    assert _flag(name) in message


def test_without_activation_weight_decay_may_still_be_asked_for() -> None:
    assert resolve(None, {"activation": "none", "weight_decay": 0.25}).weight_decay == 0.25


def test_without_activation_no_hidden_layer_may_be_narrower_than_the_bottleneck() -> None:
    assert "narrower" in _refusal(activation="none", hidden="32,16", bottleneck=17)
    assert resolve(None, {"activation": "none", "hidden": "32,16", "bottleneck": 16}).hidden == (32, 16)
    assert resolve(None, {"activation": "relu", "hidden": "32,16", "bottleneck": 17}).bottleneck == 17


def _help(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A command's help, on a line as wide as it likes."""
    monkeypatch.setenv("COLUMNS", "10000")
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_every_field_has_a_flag_and_help(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [" ".join(entry.split()) for entry in re.split(r"\n  (?=-)", _help(command, capsys, monkeypatch))]
    for field in dataclasses.fields(Config):
        (entry,) = [entry for entry in shown if re.match(rf"{_flag(field.name)}[ ,]", entry)]
        assert field.metadata["help"]
        assert field.metadata["help"] in entry


@pytest.mark.parametrize("name", OTHER)
def test_a_flag_says_what_a_file_says(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = {name: OTHER[name]} | NEEDS.get(name, {})
    arguments = [argument for key, value in values.items() for argument in _flag_arguments(key, value)]
    assert main(["train", *arguments, "--print-config"]) == 0
    by_flag = capsys.readouterr().out
    assert main(["train", "--config", str(_write(tmp_path, values)), "--print-config"]) == 0
    assert by_flag == capsys.readouterr().out
    assert yaml.safe_load(by_flag)[name] == OTHER[name]


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Config) if field.type is bool])
def test_a_switch_can_be_turned_on_and_off(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for value in (True, False):
        assert main(["train", *_flag_arguments(name, value), "--print-config"]) == 0
        assert yaml.safe_load(capsys.readouterr().out)[name] is value
