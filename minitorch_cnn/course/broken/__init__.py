"""The planted bugs of the notebooks' sections "Break it", in files named like the checks.

Every function is complete and has the bug that its docstring describes. None calls students' code,
so the checks always refuse it.
"""
