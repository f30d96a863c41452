"""A log keeps every reported sample, whenever the process was killed."""

import pytest

from minitorch_cnn.nas import Sample, Score, read_log
from minitorch_cnn.nas.log import Log

SAMPLES = [
    Sample(1, (0, 2), {"a": [1, 2]}, "f00d", False, Score(0.25, 100, 10, 0.5)),
    Sample(0, (1, 1), "1-01", "cafe", True, Score(0.0, failed="ValueError: »no« luck")),
]


@pytest.fixture
def path(tmp_path):
    with Log(tmp_path / "log.jsonl") as log:
        for sample in SAMPLES:
            log.append(sample)
    return log.path


def test_it_reads_what_it_wrote(path):
    with Log(path) as log:
        assert log.samples == {sample.number: sample for sample in SAMPLES}
    assert read_log(path) == SAMPLES[::-1]


def test_a_sample_is_on_the_disk_when_append_returns(path):
    with Log(path) as log:
        log.append(SAMPLES[0]._replace(number=2))
        assert len(read_log(path)) == 3


def test_a_line_that_was_cut_off_is_taken_off_wherever_it_was_cut(path):
    content = path.read_bytes()
    first = content.index(b"\n") + 1
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        kept = SAMPLES[: (length >= first)]
        assert read_log(path) == kept
        with Log(path) as log:
            assert list(log.samples.values()) == kept
            log.append(SAMPLES[1])
        assert read_log(path) == sorted([*kept, SAMPLES[1]])


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[1]", b"not JSON", b'{"number": 0}', b'"text"', b"[" * 100_000, b'"\xff\xfe"']
    + [
        SAMPLES[0].to_json().replace(*change).encode()
        for change in (
            ('"number": 1', '"number": [1]'),
            ('"known": false', '"known": 1'),
            ('"reward": 0.25', '"reward": "much"'),
        )
    ],
)
def test_a_file_with_other_content_is_refused_by_its_line(path, line):
    with open(path, "ab") as file:
        file.write(line + b"\n")
    with pytest.raises(ValueError, match=r"^Log: line 3 of .*log\.jsonl"):
        Log(path)
    with pytest.raises(ValueError, match=r"^Sample\.from_json"):
        read_log(path)


def test_two_searches_cannot_write_to_one_log(path):
    pytest.importorskip("fcntl")
    with Log(path) as log:
        with pytest.raises(RuntimeError, match=r"^Log: .*log\.jsonl is in use"):
            Log(path)
        log.append(SAMPLES[0]._replace(number=2))
    with Log(path) as log:
        assert len(log.samples) == 3
