"""One random stream per sample, so that augmented data repeats whatever thread or process loads it.

A generator shared by several workers would hand its numbers to whoever comes first. Here every
sample of an epoch has a stream of its own, made from the epoch's seed and the sample's position in
the epoch; a worker needs to know nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..random import default_generator


def stream(seed: int, *place: int) -> np.random.Generator:
    """The generator that belongs to `seed` and `place`; another seed or place has another."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=place)))


def sample_generator() -> np.random.Generator:
    """The generator to draw from while a sample is loaded.

    Within a `DataLoader` it is the stream of the sample being loaded, the same whichever worker
    loads it; elsewhere it is the generator that `manual_seed` seeds. `mt.rand` and its kin draw
    from it, too. A data set of your own that needs random numbers calls this in `__getitem__`:

        def __getitem__(self, index):
            return self.transform(self.images[index], sample_generator()), self.labels[index]
    """
    return default_generator()


def check_generator(name: str, generator: Any) -> None:
    """Raise a TypeError that begins with `name` unless `generator` is one of NumPy's, or None."""
    if generator is not None and not isinstance(generator, np.random.Generator):
        raise TypeError(
            f"{name}: generator={generator!r} must be a numpy.random.Generator, such as "
            "np.random.default_rng(0)"
        )


class SampleStreams:
    """Generators of an epoch's samples: called, the stream of the sample at `position`.

    A stream is made when it is first asked for: most samples draw nothing.

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
