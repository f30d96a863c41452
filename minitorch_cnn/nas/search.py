"""A search and its folder: its plan, its log, its results and the state for resuming.

plan.json           the space, the method and the budget
log.jsonl           one line per sample, as soon as it is scored, see `Sample`
state.safetensors   the method's state after the last complete round
best.json           the best architecture so far: for cells a genotype
rewards.png, pareto.png: drawn by the command minitorch-cnn search at the end

A round is one request to the method. Its children are trained in any order; the method receives
all rewards at once, in the order of the request, so that neither the number of workers nor an
interruption changes the result of a search.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..interop import write_atomically
from ..kernels import get_num_threads
from ..spelling import nearest_path, one_of
from ..training import load_checkpoint, save_checkpoint
from ..training.lock import locked, making
from .child import Child, Score, Training, train_child
from .evolution import Evolution
from .log import Log, Sample
from .pareto import best
from .progress import PROGRESS
from .random_search import RandomSearch
from .reinforce import Reinforce
from .settings import check_settings
from .spaces import SPACES, Space, make_space
from .workers import Workers

METHODS = {"reinforce": Reinforce, "random": RandomSearch, "evolution": Evolution}


@dataclass(frozen=True)
class Plan:
    """The description of a search, which JSON can store.

    method: a name in METHODS, with its `settings`; budget: the number of samples; seed: of the
    method; timeout: the seconds allowed per child.
    target_macs: None, or the multiply-adds T that a network should have. The method is then told,
    instead of the accuracy, accuracy * (macs / T)^power: with power -0.07 twice the operations are
    worth 5 % more accuracy. Source: M. Tan et al. (2019), "MnasNet", arXiv 1807.11626, equation 2.

    Raises: ValueError for an unknown method or setting, with the nearest, or numbers out of range;
    TypeError if `space` is not a space.
    """

    space: Space
    method: str = "reinforce"
    budget: int = 200
    training: Training = field(default_factory=Training)
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    timeout: float = 600.0
    target_macs: int | None = None
    power: float = -0.07

    def __post_init__(self) -> None:
        if type(self.space) not in SPACES.values():
            raise TypeError(f"Plan: space={self.space!r} must be one of {', '.join(SPACES)}")
        if self.method not in METHODS:
            raise ValueError(f"Plan: method={self.method!r} {one_of(self.method, METHODS)}")
        for name, value, kind in (
            ("budget", self.budget, int),
            ("seed", self.seed, int),
            ("timeout", self.timeout, int | float),
        ):
            if not isinstance(value, kind):
                raise TypeError(f"Plan: {name}={value!r} must be a number")
        numbers = {"budget": self.budget, "timeout": self.timeout, "target_macs": self.target_macs}
        for name, value in numbers.items():
            if value is not None and not value > 0:
                raise ValueError(f"Plan: {name}={value} must be above 0")
        if not -math.inf < self.power <= 0:
            raise ValueError(f"Plan: power={self.power} must be at most 0")
        what = f"the method {self.method}"
        check_settings("Plan", what, METHODS[self.method], self.settings)
        self.make_method()  # raises for settings out of range

    def make_method(self) -> Reinforce | RandomSearch | Evolution:
        """A new method in its initial state."""
        questions: list[tuple[int, ...]] = [self.space.sizes]
        if self.method == "evolution":
            questions.append(self.space.parts)
        return METHODS[self.method](*questions, seed=self.seed, **self.settings)

    def value(self, score: Score) -> float:
        """What the method is told of a child: its reward, less for operations above the target."""
        if self.target_macs is None or not score.macs or score.failed is not None:
            return score.reward
        return score.reward * (score.macs / self.target_macs) ** self.power

    @property
    def space_name(self) -> str:
        """The space's name in SPACES."""
        return next(name for name, kind in SPACES.items() if type(self.space) is kind)

    def to_json(self) -> str:
        """The text from which `from_json` makes an equal plan."""
        space: Any = self.space
        data = asdict(self) | {"space": {"name": self.space_name, **asdict(space)}}
        return json.dumps(data, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Parse the text that `to_json` made.

        Raises: ValueError for any other text.
        """
        try:
            data = json.loads(text)
            space = make_space(data["space"].pop("name"), data["space"])
            return cls(**{**data, "space": space, "training": Training(**data["training"])})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"Plan.from_json: not the plan of a search ({error})") from error


def run_search(
    plan: Plan,
    directory: str | Path,
    *,
    workers: int | None = None,
    executor: Callable[[], Executor] | None = None,
    progress: str = "bar",
    train: Callable[[Child], Score] = train_child,
    on_start: Callable[[Plan], Any] | None = None,
) -> list[Sample]:
    """Search as planned, and fill the folder. -> the samples by number

    workers: the number of children trained concurrently, each in one thread; by default the number
    of cores. executor: makes the pool that trains them, such as `mpi4py.futures.MPIPoolExecutor`;
    by default that many new processes, so a script must call this under
    `if __name__ == "__main__"`.
    progress: "bar" (tqdm), "plain" (a line per round) or "none". train: Child -> Score. on_start:
    called with the plan after all checks, before the first child.
    Raises: ValueError if the folder already has a search, or the data are missing; RuntimeError if
    another process writes there, or if all children of the first round fail, with the reason of the
    first.

        samples = mt.nas.run_search(Plan(LayerSpace()), "runs/search", workers=2)
    """
    directory = Path(directory)
    refuse_search(directory)
    search = Search(plan, directory, workers, executor, progress, train)
    with making(directory), locked(directory, "run_search"):
        refuse_search(directory)  # another process may have started one meanwhile
        write_atomically(directory / "plan.json", plan.to_json())
        return search.run(on_start)


def refuse_search(directory: Path) -> None:
    if (directory / "plan.json").exists():
        raise ValueError(f"run_search: {directory} holds a search; resume it or name another")


def resume_search(
    directory: str | Path,
    *,
    workers: int | None = None,
    executor: Callable[[], Executor] | None = None,
    progress: str = "bar",
    train: Callable[[Child], Score] = train_child,
    on_start: Callable[[Plan], Any] | None = None,
) -> list[Sample]:
    """Resume a search that was stopped at any moment; the result equals that of an unstopped one.

    Settings: as for `run_search`; the number of workers may differ.

    Raises: as `run_search`; FileNotFoundError or ValueError if the folder holds no search, or the
    images have changed.
    """
    plan, directory = read_plan(directory), Path(directory)
    search = Search(plan, directory, workers, executor, progress, train)
    with locked(directory, "resume_search"):
        return search.run(on_start)


def read_plan(directory: str | Path) -> Plan:
    """Read the plan of a folder that `run_search` filled.

    Raises: FileNotFoundError or ValueError if there is none.
    """
    path = Path(directory) / "plan.json"
    if not path.is_file():
        near = "" if path.parent.exists() else nearest_path(path.parent, "*/plan.json")
        rule = f"holds no search: it has no plan.json{near}"
        raise FileNotFoundError(f"resume_search: {directory} {rule}")
    try:
        return Plan.from_json(path.read_text(encoding="utf-8-sig"))  # some editors add a BOM
    except ValueError as error:
        raise ValueError(f"{error} in {path}") from error


class Search:
    """The implementation of `run_search` and `resume_search`."""

    def __init__(
        self, plan: Plan, directory: Path, workers: Any, executor: Any, progress: str, train: Any
    ):
        if progress not in PROGRESS:
            raise ValueError(f"run_search: progress={progress!r} {one_of(progress, PROGRESS)}")
        self.plan, self.directory, self.method = plan, directory, plan.make_method()
        self.data = plan.training.hash_of_data()
        self.workers = Workers(train, workers or get_num_threads(), plan.timeout, executor)
        self.progress, self.told = progress, 0
        self.scores: dict[str, Score] = {}  # by `Child.key`

    def run(self, on_start: Callable[[Plan], Any] | None = None) -> list[Sample]:
        state = self.directory / "state.safetensors"
        if state.exists():
            self._resume_from(state, load_checkpoint(state))
        budget = self.plan.budget
        with Log(self.directory / "log.jsonl") as self.log, self.workers:
            if not set(range(self.told)) <= self.log.samples.keys():
                raise ValueError(
                    f"resume_search: {self.log.path} does not have all {self.told} samples that "
                    "state.safetensors counts"
                )
            if on_start is not None:
                on_start(self.plan)
            self.show = PROGRESS[self.progress](budget, self.log.samples.values())
            self.scores = {s.key: s.score for s in self.log.samples.values() if not s.known}
            try:
                while self.told < budget:
                    self._round(min(self.method.batch, budget - self.told))
                    saved = {"method": self.method.state_dict(), "told": self.told}
                    save_checkpoint(state, {**saved, "data": self.data})
            finally:
                self.show.close()
            return [self.log.samples[number] for number in range(budget)]

    def _resume_from(self, path: Path, saved: dict) -> None:
        try:
            self.method.load_state_dict(saved["method"])
            self.told = saved["told"]
            if not isinstance(self.told, int) or self.told < 0:
                raise TypeError(f"told={self.told!r}")
        except (ValueError, RuntimeError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(
                f"resume_search: {path} is not the state of this search, or was edited ({error!r})"
            ) from error
        if saved.get("data", self.data) != self.data:
            raise ValueError(
                f"resume_search: the images of {self.plan.training.path or self.plan.training.data}"
                " are no longer those that the search began with, so that rewards would not compare"
            )

    def _round(self, count: int) -> None:
        """Ask for `count` sequences, train those without a score, and tell the rewards."""
        sequences = self.method.ask(count)
        asked = [self._ask(self.told + i, sequence) for i, sequence in enumerate(sequences)]
        for sample in self._done(asked):
            if sample.number not in self.log.samples:
                self.log.append(sample)
                self.show.advance(sample)
        samples = [self.log.samples[sample.number] for sample in asked]
        if self.told == 0 and all(sample.score.failed for sample in samples):
            raise RuntimeError(f"run_search: every child failed: {samples[0].score.failed}")
        self.method.tell(sequences, [self.plan.value(sample.score) for sample in samples])
        self.told += count
        found = best(list(self.log.samples.values()), self.plan.value)
        write_atomically(self.directory / "best.json", json.dumps(found.architecture) + "\n")
        self.show.line(samples, found)

    def _ask(self, number: int, sequence: tuple[int, ...]) -> Sample:
        """The sample of a sequence, not yet scored."""
        architecture = self.plan.space.decode(sequence)
        key = self._child(architecture).key()
        logged = self.log.samples.get(number)
        if logged is not None and (logged.sequence, logged.key) != (sequence, key):
            raise ValueError(
                f"resume_search: sample {number} of {self.log.path} is not the one that "
                "state.safetensors leads to: the two are not of one search"
            )
        return Sample(number, sequence, architecture, key, False, Score(0.0))

    def _child(self, architecture: Any) -> Child:
        return Child(self.plan.space, architecture, self.plan.training)

    def _done(self, asked: list[Sample]) -> Iterator[Sample]:
        """Score the samples; of equal ones only the first is trained, known ones are not."""
        first: dict[str, Sample] = {}
        for sample in asked:
            if sample.key not in self.scores:
                first.setdefault(sample.key, sample)
        children = [(s.number, self._child(s.architecture)) for s in first.values()]
        trained = {s.number: s for s in first.values()}
        for number, score in self.workers.run(children):
            self.scores[trained[number].key] = score
            yield trained[number]._replace(score=score)
        for sample in asked:
            if sample.number not in trained:
                yield sample._replace(known=True, score=self.scores[sample.key]._replace(seconds=0))
