"""The command line: `python -m training {train,verify,evaluate,report,sweep}`."""

import argparse
import dataclasses
import inspect
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from rich.console import Console

from service.errors import HourglassError
from training.config import Config
from training.errors import Interrupted, InvalidConfig
from training.resolve import resolve

EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, having said in one line what was wrong."""
    warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        options.command(options, console)
    except OSError as error:  # a full disk, a folder that may not be written: nothing that a flag could name
        print(f"error: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except (HourglassError, KeyboardInterrupt) as error:
        console.file.flush()
        print(f"{'' if isinstance(error, Interrupted) else 'error: '}{error or 'interrupted'}", file=sys.stderr)
        return EXIT_INTERRUPTED if isinstance(error, Interrupted | KeyboardInterrupt) else EXIT_REFUSED
    return 0


def _train(options: argparse.Namespace, console: Console) -> None:
    flags = _given(options)
    if options.resume:
        _resume(flags, options, console)
        return
    config = resolve(options.config, flags)
    if options.print_config:
        print(yaml.safe_dump(config.to_dict(), sort_keys=False), end="")
        return
    from training.run import train  # noqa: PLC0415  (torch and scikit-learn take seconds to import; a refusal does not)

    _say_done(train(config, console), console)


def _resume(flags: dict[str, Any], options: argparse.Namespace, console: Console) -> None:
    """A resumed run keeps its configuration, so that it ends as it would have without the stop."""
    if options.print_config:
        raise InvalidConfig("--print-config shows what a new run would do: leave out --resume")
    if others := sorted(set(flags) - {"name", "dataset", "models-dir"}) or (["config"] if options.config else []):
        raise InvalidConfig(f"--resume keeps the run's own configuration: leave out --{others[0]}")
    config = resolve(None, flags)
    from training.run import resume  # noqa: PLC0415

    _say_done(resume(config.model_name, config.models_dir, console), console)


def _verify(options: argparse.Namespace, console: Console) -> None:
    from service.bundle import Bundle  # noqa: PLC0415

    bundle = Bundle.open(options.bundle)
    bundle.verify()
    console.print(
        f"{options.bundle} is whole: {len(bundle.manifest.files)} checksums, all shapes and golden answers hold",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def _evaluate(options: argparse.Namespace, console: Console) -> None:
    from service.bundle import Bundle  # noqa: PLC0415
    from training.repeat import comparison, evaluate_bundle  # noqa: PLC0415

    repeated = evaluate_bundle(options.bundle, options.data_root, Console(stderr=True) if options.json else console)
    if options.json:
        print(repeated.model_dump_json(indent=2))
    else:
        console.print(comparison(Bundle.open(options.bundle).metrics, repeated))


def _report(options: argparse.Namespace, console: Console) -> None:
    from service.bundle import Bundle  # noqa: PLC0415
    from training.report import write_report  # noqa: PLC0415

    bundle = Bundle.open(options.bundle)
    bundle.verify()
    options.output.mkdir(parents=True, exist_ok=True)
    write_report(bundle, options.output)
    console.print(f"wrote {options.output / 'index.html'}", highlight=False, soft_wrap=True, markup=False)


def _sweep(options: argparse.Namespace, console: Console) -> None:
    from training.sweep import sweep  # noqa: PLC0415

    flags = _given(options)
    sizes = str(flags.pop("bottleneck", "2,4,8,16,32,64")).split(",")
    configs = [resolve(options.config, flags | {"bottleneck": size.strip()}) for size in sizes]
    sweep(configs, options.sweeps_dir, console)


def _say_done(path: Path, console: Console) -> None:
    from service.bundle import Bundle  # noqa: PLC0415

    headline = Bundle.open(path).manifest.metrics
    console.print(
        f"test error {headline.test_squared_error:.3f}, PCA of the same size {headline.pca_test_squared_error:.3f} "
        "(squared, summed over an image)\n"
        f"bundle  {path}\nreport  {path / 'report' / 'index.html'}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The configuration's flags that were given, and no others."""
    names = {field.name for field in dataclasses.fields(Config)}
    return {name.replace("_", "-"): value for name, value in vars(options).items() if name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="From a set of images to a bundle.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    train = _command(commands, "train", _train, "train a model and write its bundle")
    train.add_argument("--resume", action="store_true", help="go on with the interrupted run of --name")
    train.add_argument("--print-config", action="store_true", help="print the resolved configuration and stop")
    _add_config(train)
    verify = _command(commands, "verify", _verify, "check a bundle's checksums, shapes and golden answers")
    evaluate = _command(commands, "evaluate", _evaluate, "measure a bundle's model again and compare")
    report = _command(commands, "report", _report, "render a bundle's report again")
    for command in (verify, evaluate, report):
        command.add_argument("bundle", type=Path, metavar="BUNDLE", help="the folder, such as models/digits/1")
    evaluate.add_argument("--data-root", type=Path, help="where the data set lies, if not where it was trained on")
    evaluate.add_argument("--json", action="store_true", help="print all figures as JSON")
    report.add_argument("--output", type=Path, required=True, help="folder to write to")
    sweep = _command(commands, "sweep", _sweep, "train one model a bottleneck and plot error against it")
    sweep.add_argument("--sweeps-dir", type=Path, default=Path("sweeps"), help="folder of all sweeps (default: sweeps)")
    _add_config(sweep)
    return parser


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    command.set_defaults(command=run)
    return command


def _add_config(parser: argparse.ArgumentParser) -> None:
    """Give a command the configuration file and a flag for every field of `Config`, unset unless given."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML or TOML file; flags win over it")
    fields = {field.name: field for field in dataclasses.fields(Config)}
    for section in (Config, *reversed(Config.__bases__)):
        group = parser.add_argument_group((section.__doc__ or "").partition("\n")[0].rstrip("."))
        for name in inspect.get_annotations(section):
            _add_flag(group, fields[name])


def _add_flag(group: Any, field: dataclasses.Field[Any]) -> None:
    default = shown_default(field)
    text = field.metadata["help"] + (f" (default: {default})" if default else "")
    options: dict[str, Any] = {"default": argparse.SUPPRESS, "help": text}
    if field.type is bool:
        options["action"] = argparse.BooleanOptionalAction
    else:
        choices = get_args(field.type)
        options["metavar"] = (
            "|".join(choices) if choices and all(isinstance(item, str) for item in choices) else "VALUE"
        )
    group.add_argument(f"--{field.name.replace('_', '-')}", **options)


def shown_default(field: dataclasses.Field[Any]) -> str:
    """A field's default as a user would write it; empty where it depends on the run."""
    value = field.default
    if value is None or value is dataclasses.MISSING:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    sys.exit(main())
