"""The command line: `python -m service --port 8000 --models-dir models`."""

import argparse
import copy
import json
import logging
import re
import sys
from collections.abc import Sequence
from typing import Any

import uvicorn
from pydantic import ValidationError

from service import memory
from service.app import create_app
from service.protocol import ExpressProtocol
from service.settings import Settings

_KEEP_ALIVE_S = 75
_GRACE_S = 30


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
        print(json.dumps(create_app(settings).openapi(), indent=1, ensure_ascii=False))
    else:
        serve(settings)
    return 0


def serve(settings: Settings) -> None:
    """Run uvicorn on one application in this process."""
    memory.bound_heap()
    uvicorn.run(
        create_app(settings), http=ExpressProtocol, host=settings.host, port=settings.port,
        log_level=settings.log_level,
        access_log=settings.access_log, log_config=_log_config(settings.log_level), server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S, timeout_graceful_shutdown=_GRACE_S,
    )  # fmt: skip


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
    for name in ("host", "port", "models_dir"):
        field = Settings.model_fields[name]
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"{field.description} (default: {field.default})")
    parser.add_argument("--print-settings", action="store_true", help="print every setting as it is, and end")
    parser.add_argument("--print-openapi", action="store_true", help="print the OpenAPI document, and end")
    return parser


def _log_config(level: str) -> dict[str, Any]:
    """uvicorn's logging, with the service's own messages beside it, and without a line for every health probe."""
    config: dict[str, Any] = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    config["loggers"]["hourglass"] = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    config["filters"] = {"no_probes": {"()": lambda: _is_no_probe}}
    config["handlers"]["access"]["filters"] = ["no_probes"]
    return config


def _is_no_probe(record: logging.LogRecord) -> bool:
    """Whether a line of the access log is of anything but a probe that was answered well."""
    _, _, path, _, status = record.args if isinstance(record.args, tuple) else (None,) * 5
    return not (str(path).startswith("/health/") and status == 200)


if __name__ == "__main__":
    sys.exit(main())
