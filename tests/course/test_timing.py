from minitorch_cnn.course import timing


def test_the_shortest_of_the_calls_counts(monkeypatch):
    clock, calls = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0]), []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert timing.seconds(lambda: calls.append(1)) == 2
    assert len(calls) == 3
