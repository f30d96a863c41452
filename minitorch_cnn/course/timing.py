"""seconds: how long a call takes."""

import time
from collections.abc import Callable


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """The shortest of some calls: whatever else the machine does only makes them longer.

    Raises: RecursionError, in one sentence, for a call that is deeper than Python's stack.
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
