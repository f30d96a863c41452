"""The tests mirror the sources, path by path; a test's name is the sentence it proves."""
