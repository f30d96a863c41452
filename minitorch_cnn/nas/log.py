"""The log of a search: a line of JSON for each sample, on the disk before the search goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from .child import Score


class Sample(NamedTuple):
    """A sequence that was asked for, and what became of it.

    number: 0, 1, ... in the order in which they were asked for; sequence: the choices;
    architecture: what they describe; key: see `Child.key`; known: whether the score was that of an
    earlier sample, so that nothing was trained.
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
        """The sample of a text that `to_json` made.

        Raises: ValueError for any other.
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
    """The file, in the order in which children were done, and `samples` by their numbers.

    A last line that a killed search did not finish is taken off.

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
        """Keep others out until the file is closed, or this process is killed."""
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
        """Add a sample, and return when the disk has it."""
        self._file.write(sample.to_json().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.samples[sample.number] = sample


def read_log(path: str | Path) -> list[Sample]:
    """The samples of a log by their numbers, also while the search goes on.

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
