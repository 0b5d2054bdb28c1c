"""What stops a run, each with one line that says what to change.

TrainingError
├── InvalidConfig      a flag, a configuration file, or two that contradict each other
├── DatasetMissing     the files of a data set are not where they were looked for
├── InvalidDataset     images that cannot be trained on
└── Interrupted        the user stopped the run; a checkpoint says where
"""

from service.errors import TrainingError


class InvalidConfig(TrainingError):
    """A flag or a configuration file is wrong, or two of them contradict each other."""


class DatasetMissing(TrainingError):
    """The files of a data set are not where they were looked for."""


class InvalidDataset(TrainingError):
    """The images cannot be trained on."""


class Interrupted(TrainingError):
    """The user stopped the run; its checkpoint is on disk."""
