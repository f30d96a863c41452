"""The log of a search: one line of JSON per sample, synced to disk before the search continues."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from .child import Score


class Sample(NamedTuple):
    """A sequence that a search tried, and its score.

    number: 0, 1, ... in the order of the requests; sequence: the choices; architecture: their
    meaning; key: see `Child.key`; known: whether the score was taken from an earlier sample instead
    of training.
    """

    number: int
    sequence: tuple[int, ...]
    architecture: Any
    key: str
    known: bool
    score: Score

    def to_json(self) -> str:
        """{"number": 0, "sequence": [...], ..., "known": false, "reward": 0.9, "macs": ...}"""
        data = self._asdict()
        score = data.pop("score")
        return json.dumps({**data, **score._asdict()})

    @classmethod
    def from_json(cls, text: str | bytes) -> Sample:
        """Parse the text that `to_json` made.

        Raises: ValueError for any other text.
        """
        try:
            data = json.loads(text)
            score = Score(*(data.pop(name) for name in Score._fields))
            data["sequence"] = tuple(data["sequence"])
            sample = cls(**data, score=score)
            for name, value, kind in (
                ("number", sample.number, int),
                ("key", sample.key, str),
                ("known", sample.known, bool),
                ("reward", score.reward, int | float),
                ("seconds", score.seconds, int | float),
                ("failed", score.failed, str | None),
            ):
                if not isinstance(value, kind):
                    raise TypeError(f"{name}={value!r}")
            return sample
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"Sample.from_json: not the line of a log ({error!r})") from None


class Log:
    """The log file, in the order in which children finished, and `samples` by number.

    An incomplete last line, left by a killed search, is removed.

    Raises: ValueError for a file with other content; RuntimeError if another process has it open
    (where the system can tell); OSError if it cannot be read or written.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.samples: dict[int, Sample] = {}
        self._file = open(self.path, "a+b")  # noqa: SIM115 (closed by __exit__)
        self._lock()
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                sample = Sample.from_json(line)
            except ValueError as error:
                self._file.close()
                raise ValueError(f"Log: line {number} of {self.path}: {error}") from None
            self.samples[sample.number] = sample

    def _lock(self) -> None:
        """Exclude other processes until the file is closed or this process is killed."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise RuntimeError(f"Log: {self.path} is in use by another process") from None

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def append(self, sample: Sample) -> None:
        """Append a sample and sync the file to disk."""
        self._file.write(sample.to_json().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.samples[sample.number] = sample


def read_log(path: str | Path) -> list[Sample]:
    """Read the samples of a log by number, even while the search is running.

    Raises: FileNotFoundError; ValueError for a file with other content.
    """
    content = Path(path).read_bytes()
    samples = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        try:
            samples.append(Sample.from_json(line))
        except ValueError as error:
            raise ValueError(f"{error} in line {number} of {path}") from None
    return sorted(samples, key=lambda sample: sample.number)
