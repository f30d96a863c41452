"""seconds: the duration of a call."""

import time
from collections.abc import Callable


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """The shortest of several calls, since other load on the machine only lengthens them.

    Raises: RecursionError, in one sentence, for a call that exceeds Python's stack.
    """
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        try:
            call()
        except RecursionError:
            text = "seconds: the call recurses deeper than Python's stack of about 1,000 calls"
            raise RecursionError(text) from None
        times.append(time.perf_counter() - start)
    return min(times)
