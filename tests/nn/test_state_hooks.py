"""Hooks that run when a state dict is saved and loaded: their arguments and effects."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn


def net():
    return nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))


def test_hooks_see_and_change_a_state_dict_that_is_made():
    model, seen = net(), []
    model[0].register_state_dict_pre_hook(lambda *given: seen.append(given))

    def rename(module, state, prefix, metadata):
        state[prefix + "kernel"] = state.pop(prefix + "weight")

    handle = model[0].register_state_dict_post_hook(rename)
    state = model.state_dict(prefix="net.")
    assert seen == [(model[0], "net.0.", False)]
    assert {"net.0.kernel", "net.0.bias"} < set(state) and "net.0.weight" not in state
    handle.remove()
    assert "0.weight" in model.state_dict()
    model.register_state_dict_post_hook(lambda *_: {})
    with pytest.raises(RuntimeError, match="Sequential: a state_dict post-hook must"):
        model.state_dict()


def test_a_hook_before_loading_renames_what_an_older_version_stored():
    model, seen = net(), []

    def rename(module, state, prefix, metadata, strict, missing, unexpected, errors):
        seen.append((module, prefix, strict))
        if prefix + "kernel" in state:
            state[prefix + "weight"] = state.pop(prefix + "kernel")

    model[0].register_load_state_dict_pre_hook(rename)
    old = net().state_dict()
    old["0.kernel"] = mt.full((1, 1), 7.0)
    del old["0.weight"]
    model.load_state_dict(old)
    assert model[0].weight.item() == 7 and seen == [(model[0], "0.", True)]
    assert "0.kernel" in old


def test_a_hook_before_loading_may_refuse_and_nothing_is_loaded():
    model = net()
    before = model[0].weight.item()
    model.register_load_state_dict_pre_hook(lambda *given: given[-1].append("too old"))
    with pytest.raises(RuntimeError, match="does not fit Sequential: too old"):
        model.load_state_dict(net().state_dict())
    assert model[0].weight.item() == before


def test_a_hook_after_loading_may_forgive_what_is_missing():
    model, seen = net(), []

    def forgive(module, keys):
        seen.append((module, module.weight.item()))
        keys.missing_keys.remove("1.bias")

    handle = model[1].register_load_state_dict_post_hook(forgive)
    state = {**net().state_dict(), "1.weight": mt.full((1,), 3.0)}
    del state["1.bias"]
    result = model.load_state_dict(state)
    assert seen == [(model[1], 3)] and result.missing_keys == []
    handle.remove()
    with pytest.raises(RuntimeError, match=r"missing 1\.bias"):
        model.load_state_dict(state)
