"""Every kernel compiles for real cards without one, spills nothing, and is as the table says.

In a process of its own: the interpreter, in which the other tests run, takes the compiler's place.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

triton = pytest.importorskip(
    "triton", reason="Triton is not installed: pip install 'scopeside[gpu]'"
)

from scopeside.device import lane  # noqa: E402  # where Triton is missing this cannot be
from scopeside_kernels import examples  # noqa: E402  # where Triton is missing this cannot be
from scopeside_kernels.sources import code_of, fingerprint  # noqa: E402  # where Triton is missing this cannot be

TARGETS = ["80", "86", "89", "90", "120"]


def committed() -> Any:
    return json.loads(resources.files("scopeside_kernels").joinpath("resources.json").read_text())


def compiled(target: str, cache: Path) -> Any:
    environment = dict(
        os.environ, TRITON_CACHE_DIR=str(cache), PYTHONPATH=os.pathsep.join(sys.path)
    )
    environment.pop("TRITON_INTERPRET", None)
    done = subprocess.run(
        [sys.executable, "-m", "scopeside_kernels.compiled", "--target", target],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", ["80", "90"])
def test_what_is_launched_compiles_and_takes_what_the_table_says(
    target: str, pytestconfig: pytest.Config
) -> None:
    # Kept between runs: Triton finds there what it compiled of the same source before.
    assert pytestconfig.cache is not None
    made = compiled(target, pytestconfig.cache.mkdir("triton"))
    kernels = made["targets"][target]
    assert [name for name, takes in kernels.items() if takes["spill_bytes"]] == []
    table = committed()
    again = "python -m scopeside_kernels.compiled --write"
    assert list(kernels) == list(table["targets"][target]), f"other launches: {again}"
    if made["triton"] == table["triton"]:  # another compiler may allocate in another way
        assert kernels == table["targets"][target], f"other resources: {again}"


def test_the_table_is_of_the_kernels_as_they_are_for_all_targets() -> None:
    """Two targets are compiled here; this holds the others to the same sources."""
    assert committed()["sources"] == fingerprint(), "python -m scopeside_kernels.compiled --write"


def test_only_what_is_compiled_counts_for_the_sources(tmp_path: Path) -> None:
    file = tmp_path / "kernel.py"
    file.write_text('"""Says what."""\n\n\ndef f(x):\n    """Adds."""\n    return x + 1\n')
    before = fingerprint(tmp_path)
    file.write_text("def f(x):  # adds\n\n    return x + 1\n")
    assert fingerprint(tmp_path) == before
    file.write_text("def f(x):\n    return x + 2\n")
    assert fingerprint(tmp_path) != before
    assert code_of('class A:\n    """Nothing."""\n') == "class A:\n    pass"


def test_regions_are_compiled_for_as_many_communities_as_the_service_measures() -> None:
    assert examples.MEASURED == lane.ASKED


def test_the_table_has_every_target_and_no_spill() -> None:
    table = committed()
    assert sorted(table["targets"]) == sorted(TARGETS)
    for target, kernels in table["targets"].items():
        assert len(kernels) > 50
        spilling = [name for name, takes in kernels.items() if takes["spill_bytes"]]
        assert spilling == [], f"on {target}"
