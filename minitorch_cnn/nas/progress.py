"""Progress display of a search: a bar for people, lines for log files, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .log import Sample


class Silent:
    """Shows nothing; the base class of the other displays.

    budget: samples of the whole search; done: samples completed before the search was resumed.
    """

    def __init__(self, budget: int, done: Iterable[Sample]):
        pass

    def advance(self, sample: Sample) -> None:
        """Report a new score."""

    def line(self, samples: Sequence[Sample], best: Sample) -> None:
        """Report the end of a round."""

    def close(self) -> None:
        """End the display: the search has finished or failed."""


class Plain(Silent):
    """One line per round on standard output."""

    def line(self, samples: Sequence[Sample], best: Sample) -> None:
        print(describe(samples, best), flush=True)


class Bar(Silent):
    """A tqdm bar on standard error or in a notebook: samples, the best, failures, remaining time.
    """

    def __init__(self, budget: int, done: Iterable[Sample]):
        from tqdm.auto import tqdm

        done = list(done)
        self._best = max((sample.score.reward for sample in done), default=0.0)
        self._failed = sum(sample.score.failed is not None for sample in done)
        self._bar = tqdm(total=budget, initial=len(done), unit=" networks", dynamic_ncols=True)

    def advance(self, sample: Sample) -> None:
        self._best = max(self._best, sample.score.reward)
        self._failed += sample.score.failed is not None
        failed = f", {self._failed} failed" if self._failed else ""
        self._bar.set_postfix_str(f"best {self._best:.2%}{failed}", refresh=False)
        self._bar.update()

    def line(self, samples: Sequence[Sample], best: Sample) -> None:
        self._bar.write(describe(samples, best))

    def close(self) -> None:
        self._bar.close()


PROGRESS = {"bar": Bar, "plain": Plain, "none": Silent}


def describe(samples: Sequence[Sample], best: Sample) -> str:
    """A round as a line of text."""
    rewards = [sample.score.reward for sample in samples]
    known = sum(sample.known for sample in samples)
    failed = sum(sample.score.failed is not None for sample in samples)
    parts = [
        f"samples {samples[0].number + 1:4}-{samples[-1].number + 1:<4}",
        f"mean {sum(rewards) / len(rewards):.2%}",
        f"best so far {best.score.reward:.2%}",
    ]
    parts += [f"{known} known before"] if known else []
    parts += [f"{failed} failed"] if failed else []
    return "  ".join(parts)
