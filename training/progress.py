"""What a run says while it works: a live bar on a terminal, one line an epoch elsewhere."""

import dataclasses
import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from service.errors import TrainingError
from training.config import Config
from training.fit import Epoch


def history_lines(history: Sequence[Epoch]) -> str:
    """One JSON object a line for every epoch."""
    return "".join(json.dumps(dataclasses.asdict(epoch)) + "\n" for epoch in history)


class EpochLog:
    """Keeps what other programs can follow: `history.jsonl` beside the checkpoint, and TensorBoard events if asked."""

    def __init__(self, config: Config) -> None:
        name = config.name or config.dataset
        self._path = config.models_dir / name / "history.jsonl"
        self._writer = None
        if config.tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  (an optional group)
            except ImportError as error:
                raise TrainingError("--tensorboard needs its group: pip install --group tensorboard") from error
            self._writer = SummaryWriter(f"runs/{name}")

    def remove(self) -> None:
        """The run is over and its bundle holds the history: let the file go."""
        self._path.unlink(missing_ok=True)

    def write(self, history: Sequence[Epoch]) -> None:
        """Take up the newest epoch."""
        newest = history[-1]
        self._path.write_text(history_lines(history), encoding="utf-8")
        if self._writer is not None:
            for key, value in dataclasses.asdict(newest).items():
                self._writer.add_scalar(key, value, newest.epoch)
            self._writer.flush()


class FitProgress(AbstractContextManager["FitProgress"]):
    """Shows one fit. Feed it `step` with the images done in an epoch, and `epoch` with each result."""

    def __init__(self, console: Console, epochs: int, images: int, done: int) -> None:
        self._console = console
        self._epochs = epochs
        self._images = images
        self._done = done
        self._began = time.perf_counter()
        self._begun_at = done * images
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[results]}"),
            TextColumn("{task.fields[speed]} images/s"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("fit", total=epochs * images, completed=done * images, **self._fields())  # type: ignore[arg-type]

    def __enter__(self) -> "FitProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, images_done: int) -> None:
        """Move the bar within an epoch."""
        completed = self._done * self._images + images_done
        speed = (completed - self._begun_at) / (time.perf_counter() - self._began)
        self._bar.update(self._task, completed=completed, speed=f"{speed:,.0f}")

    def epoch(self, result: Epoch, best: Epoch) -> None:
        """Note an epoch's result."""
        self._done = result.epoch
        results = f"loss {result.train_loss:.5f}  validation error {result.validation_error:.4f}"
        self._bar.update(self._task, **self._fields(results))  # type: ignore[arg-type]
        if not self._console.is_terminal:
            mark = "  (best)" if result == best else ""
            self._console.print(
                f"epoch {result.epoch}/{self._epochs}  {results}  {result.images_per_second:,.0f} images/s  "
                f"{result.seconds:.1f} s{mark}",
                highlight=False,
                soft_wrap=True,
            )

    def _fields(self, results: str = "") -> dict[str, str]:
        return {"epoch": f"{min(self._done + 1, self._epochs)}/{self._epochs}", "results": results, "speed": "-"}
