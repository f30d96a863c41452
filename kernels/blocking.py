"""Block sizes of a matrix product C += A B for the caches of a machine: KC, NC and MC.

The loops are those of BLIS with the roles of A and B exchanged, since here B, the columns of
images, is wide, is packed anew by every call, and has vectors along its rows:

    jc  NC columns of C and B      a block KC x NC of B, packed       second level
    pc  KC terms of the sums       a panel MC x KC of A, packed       third level
    ic  MC rows of C and A
    ir  MR rows                    a micro-panel MR x KC of A         first level
    jr  NR columns                 a micro-panel KC x NR of B         passes through the first level
        the micro-kernel: MR x NR sums in registers

Rows of C are then written from left to right, a page at a time.

A cache has W lines (ways) in each of its sets. What stays in a cache during a loop takes some of
the ways of every set, what passes through takes the others. The sizes are the largest that fit.

Sources: Van Zee, van de Geijn (2015), BLIS: A Framework for Rapidly Instantiating BLAS
Functionality, figure 1; Low, Igual, Smith, Quintana-Orti (2016), Analytical Modeling Is Enough for
High-Performance BLIS, section 4.
"""

from typing import NamedTuple

from .machine import LINE_BYTES, Cache, Machine


class Blocking(NamedTuple):
    """The block sizes of a product, in elements."""

    KC: int  # terms
    NC: int  # columns of B, a multiple of NR
    MC: int  # rows of A, a multiple of MR


def blocking(machine: Machine, MR: int, NR: int, itemsize: int, threads: int = 1) -> Blocking:
    """The block sizes for micro-panels of MR rows of A and NR columns of B.

    The first two levels belong to a core; `threads` share the third.
    """
    KC = terms(machine.l1, MR, itemsize)
    NC = columns(machine.l2, KC, MR, NR, itemsize)
    return Blocking(KC, NC, rows(machine.l3, KC, NC, MR, itemsize, threads))


def terms(l1: Cache, MR: int, itemsize: int) -> int:
    """KC: a micro-panel of A stays in a quarter of the first level.

    ways_A = max(1, W / 4),  KC = ways_A * bytes of a way / (MR * itemsize).  Three quarters are for
    the micro-panels of B and tiles of C that pass. Low et al. keep a whole micro-panel of B in
    the cache, which gives a third to a half of this KC, because a processor may wait for the second
    level; those with prefetch do not, and half as many passes over C pay.
    """
    return max(1, max(1, l1.ways // 4) * _way(l1) // (MR * itemsize))


def columns(l2: Cache, KC: int, MR: int, NR: int, itemsize: int) -> int:
    """NC: a block of B stays in the second level while micro-panels of A and tiles of C pass.

    ways_A = ceil(MR * KC * itemsize / bytes of a way),  one way for C, the others for KC * NC of B.
    """
    ways = max(1, l2.ways - 1 - -(-MR * KC * itemsize // _way(l2)))
    return max(NR, ways * _way(l2) // (KC * itemsize) // NR * NR)


def rows(l3: Cache, KC: int, NC: int, MR: int, itemsize: int, threads: int) -> int:
    """MC: a panel of A stays in the third level while the blocks of B of all threads pass.

    ways_B = ceil(threads * KC * NC * itemsize / bytes of a way),  one for C, the others for A.
    """
    ways = max(1, l3.ways - 1 - -(-threads * KC * NC * itemsize // _way(l3)))
    return max(MR, ways * _way(l3) // (KC * itemsize) // MR * MR)


def _way(cache: Cache) -> int:
    """The bytes of one way: a line in each set."""
    return cache.sets * LINE_BYTES
