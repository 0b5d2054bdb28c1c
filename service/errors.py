"""Every failure that Hourglass names, as one tree.

HourglassError
├── InvalidImage       an encoded image that cannot be decoded
├── InvalidBundle      a bundle that is incomplete, altered, or of a format this version does not read
└── TrainingError      training cannot go on (its kinds are in `training/errors.py`)
"""


class HourglassError(Exception):
    """A failure whose message is one line that tells the reader what to change."""


class InvalidImage(HourglassError):
    """An encoded image cannot be decoded."""


class InvalidBundle(HourglassError):
    """A bundle is incomplete, altered, or of a format this version does not read."""


class TrainingError(HourglassError):
    """Training cannot go on."""
