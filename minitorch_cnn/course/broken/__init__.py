"""The planted bugs of the notebooks' sections "Break it": a file for each, named as its checks.

Every function here is whole, and wrong in the way that its docstring says. None calls what a
student writes, so that the checks say no to it whatever that is.
"""
