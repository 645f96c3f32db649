"""Keys of engines: what is another engine, and what is the same one grown stale."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine_samples import KEY, MACHINE

OTHERS = {
    "weights_sha256": "b" * 64,
    "shape_BCHW": (5, 1, 64, 64),
    "head": "map",
    "precision": "fp32",
    "machine": replace(MACHINE, gpu="Fake RTX 8000"),
}

UPDATES = {
    "tensorrt": "11.1.0.1",
    "torch_tensorrt": "2.14.0",
    "torch": "2.14.0+cu130",
    "driver": "590.1",
}


@pytest.mark.parametrize("part", OTHERS)
def test_another_network_shape_precision_or_card_has_a_file_of_its_own(part):
    assert replace(KEY, **{part: OTHERS[part]}).entry != KEY.entry


@pytest.mark.parametrize(("capability", "flavour"), [("9.0", None), (None, "torch-tensorrt-rtx")])
def test_another_capability_or_flavour_has_a_file_of_its_own(capability, flavour):
    machine = replace(
        MACHINE,
        capability=capability or MACHINE.capability,
        flavour=flavour or MACHINE.flavour,
    )
    assert replace(KEY, machine=machine).entry != KEY.entry


@pytest.mark.parametrize("part", UPDATES)
def test_an_update_keeps_the_file_and_is_told_in_words(part):
    updated = replace(KEY, machine=replace(MACHINE, **{part: UPDATES[part]}))
    assert updated.entry == KEY.entry
    assert updated != KEY
    (change,) = KEY.changes(updated)
    assert change == f"{part.replace('_', '-')} {getattr(MACHINE, part)}, now {UPDATES[part]}"


def test_a_new_version_of_the_network_is_a_change_too():
    changed = replace(KEY, network=2)
    assert changed.entry == KEY.entry
    assert KEY.changes(changed) == ("network version 1, now 2",)
    assert KEY.changes(KEY) == ()


def test_the_title_says_shape_head_and_precision():
    assert KEY.title == "4 x 1 x 64 x 64 pool fp16"
