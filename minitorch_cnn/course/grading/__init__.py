"""Grading of the notebooks: what students handed in, run in processes of their own, as points.

    from minitorch_cnn.course.grading import Grader, grade_file
    with Grader() as grader:
        result = grade_file("02_convolution.ipynb", grader)
        print(result.points, "of", result.possible)

`minitorch-cnn course grade` grades a folder of a class. assignment.py reads the exercise in the
package, submission.py what a student made of it, program.py puts the student's cells into the
exercise; child.py runs one check of them, in a process that runner.py starts and ends and that
containment.py and guard.py limit; classroom.py walks through a folder, report.py writes its pages.
"""

from .assignment import Assignment, assignments
from .classroom import grade_class
from .grader import Grader, grade_file
from .limits import Limits
from .report import write_report
from .results import Mark, Result

__all__ = [
    "Assignment",
    "Grader",
    "Limits",
    "Mark",
    "Result",
    "assignments",
    "grade_class",
    "grade_file",
    "write_report",
]
