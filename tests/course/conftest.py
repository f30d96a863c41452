"""Fixtures that submit a solution to a check and read the answer."""

import pytest


@pytest.fixture
def answer(capsys):
    """Call a check and return what it prints."""

    def ask(check, *args) -> str:
        capsys.readouterr()
        check(*args)
        return capsys.readouterr().out

    return ask
