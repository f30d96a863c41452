"""gradescope: a Result in the form that Gradescope reads, which other runners take over easily."""

from __future__ import annotations

from typing import Any

from .results import Result


def to_gradescope(result: Result) -> dict[str, Any]:
    """What an autograder writes to /autograder/results/results.json.

    A test for each exercise with score, max_score and output; an optional one has a max_score of 0,
    so its points are a bonus. What is marked by hand has no test.
    """
    return {
        "score": result.points + result.bonus,
        "execution_time": round(result.seconds),
        "output": result.line or "; ".join(f"not kept from {note}" for note in result.notes),
        "output_format": "text",
        "tests": [
            {
                "name": mark.name,
                "score": mark.points,
                "max_score": 0 if mark.optional else mark.possible,
                "status": "passed" if mark.points == mark.possible else "failed",
                "output": mark.line,
                "output_format": "text",
            }
            for mark in result.marks
        ],
    }
