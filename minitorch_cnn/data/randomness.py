"""One random stream per sample, so that augmented data repeats whatever thread or process loads it.

A generator shared by several workers would hand its numbers to whoever comes first. Here every
sample of an epoch has a stream of its own, made from the epoch's seed and the sample's position in
the epoch; a worker needs to know nothing else.
"""

from __future__ import annotations

import threading

import numpy as np

from ..backend import default_generator

_current = threading.local()


def stream(seed: int, *place: int) -> np.random.Generator:
    """The generator that belongs to `seed` and `place`; another seed or place has another."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=place)))


def sample_generator() -> np.random.Generator:
    """The generator to draw from while a sample is loaded.

    Within a `DataLoader` it is the stream of the sample being loaded, the same whichever worker
    loads it; elsewhere it is the generator that `manual_seed` seeds. A data set of your own that
    needs random numbers calls this in `__getitem__`:

        def __getitem__(self, index):
            return self.transform(self.images[index], sample_generator()), self.labels[index]
    """
    place = getattr(_current, "place", None)
    if place is None:
        return default_generator()
    if _current.generator is None:
        _current.generator = stream(*place)
    return _current.generator


def load_sample(dataset, index: int, seed: int, position: int):
    """`dataset[index]`, with `sample_generator()` set to the stream of `position` under `seed`."""
    _current.place, _current.generator = (seed, position), None
    try:
        return dataset[index]
    finally:
        _current.place, _current.generator = None, None
