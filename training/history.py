"""What other programs can follow of a run: its epochs as JSON lines, and as TensorBoard events if asked."""

import dataclasses
import json
from collections.abc import Sequence

from service.errors import TrainingError
from training.config import Config
from training.fit import Epoch


def history_lines(history: Sequence[Epoch]) -> str:
    """One JSON object a line for every epoch."""
    return "".join(json.dumps(dataclasses.asdict(epoch)) + "\n" for epoch in history)


class EpochLog:
    """Keeps what other programs can follow: `history.jsonl` beside the checkpoint, and TensorBoard events if asked."""

    def __init__(self, config: Config) -> None:
        self._path = config.models_dir / config.model_name / "history.jsonl"
        self._writer = None
        if config.tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  (an optional group)
            except ImportError as error:
                raise TrainingError("--tensorboard needs its group: pip install --group tensorboard") from error
            self._writer = SummaryWriter(f"runs/{config.model_name}")

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
