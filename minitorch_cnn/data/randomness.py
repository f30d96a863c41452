"""One random stream per sample, so that augmentation does not depend on which worker loads it.

If workers shared a generator, its numbers would go to whoever comes first. Instead each sample of
an epoch has its own stream, derived from the epoch's seed and the sample's position in the epoch.
A worker needs nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..random import default_generator


def stream(seed: int, *place: int) -> np.random.Generator:
    """The generator of `seed` and `place`, independent of those of other seeds and places."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=place)))


def sample_generator() -> np.random.Generator:
    """The generator to draw from while loading a sample.

    Within a `DataLoader` it is the stream of the current sample, independent of the worker;
    elsewhere it is the generator that `manual_seed` seeds. `mt.rand` and similar functions draw
    from it as well. A data set of your own that needs random numbers calls this in `__getitem__`:

        def __getitem__(self, index):
            return self.transform(self.images[index], sample_generator()), self.labels[index]
    """
    return default_generator()


def check_generator(name: str, generator: Any) -> None:
    """Check that `generator` is NumPy's or None. Raises: TypeError, beginning with `name`."""
    if generator is not None and not isinstance(generator, np.random.Generator):
        raise TypeError(
            f"{name}: generator={generator!r} must be a numpy.random.Generator, such as "
            "np.random.default_rng(0)"
        )


class SampleStreams:
    """The streams of an epoch's samples; a call returns that of the sample at `position`.

    A stream is created on first use, since most samples draw nothing.

        streams = SampleStreams(seed)
        with drawing_from(streams):
            streams.go_to(position)
            sample = dataset[index]
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.go_to(0)

    def go_to(self, position: int) -> None:
        self.position, self.generator = position, None

    def __call__(self) -> np.random.Generator:
        if self.generator is None:
            self.generator = stream(self.seed, self.position)
        return self.generator
