"""The command line: `python -m service --port 8000 --models-dir models`."""

import argparse
import json
import re
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from service.cpu import wait_passively
from service.server import serve_alone
from service.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends it. Returns the exit status: 2 where the settings are refused."""
    options = vars(_parser().parse_args(arguments))
    prints = {what: options.pop(f"print_{what}") for what in ("settings", "openapi")}
    try:
        settings = Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False):
            print(f"{'.'.join(map(str, found['loc'])) or 'settings'}: {found['msg']}", file=sys.stderr)
        return 2
    if prints["settings"]:
        print(describe(settings))
    elif prints["openapi"]:
        from service.app import create_app  # noqa: PLC0415  (torch takes seconds to import; a refusal does not)

        print(json.dumps(create_app(settings).openapi(), indent=1, ensure_ascii=False))
    else:
        return serve(settings)
    return 0


def serve(settings: Settings) -> int:
    """Serve until a signal ends it. Returns the exit status."""
    wait_passively()
    if settings.workers == 1:
        serve_alone(settings)
        return 0
    if sys.platform != "linux":
        print("workers: more than 1 need Linux; start several services instead", file=sys.stderr)
        return 2
    from service.supervisor import serve_together  # noqa: PLC0415  (needs Linux)

    return serve_together(settings)


def describe(settings: Settings) -> str:
    """Every setting as a line of a `.env` file, with its description above it."""
    lines = []
    for name, field in Settings.model_fields.items():
        lines += [f"# {field.description}", f"HOURGLASS_{name.upper()}={_env_value(getattr(settings, name))}"]
    return "\n".join(lines)


def _env_value(value: object) -> str:
    """A value as a `.env` file holds it, quoted only where it must be: some readers of such files keep quotes."""
    text = "" if value is None else str(value)
    if re.fullmatch(r"[\w./:+-]*", text):
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m service", description="Serve the bundles of a models folder over HTTP.")
    for name in ("host", "port", "models_dir", "workers"):
        field = Settings.model_fields[name]
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"{field.description} (default: {field.default})")
    parser.add_argument("--print-settings", action="store_true", help="print every setting as it is, and end")
    parser.add_argument("--print-openapi", action="store_true", help="print the OpenAPI document, and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
