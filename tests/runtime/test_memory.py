from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from scopeside.runtime.memory import keep_freed_memory

FAULTS = """
import resource
import numpy as np
from scopeside.runtime.memory import keep_freed_memory

def frame():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones((2, 2**20))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if {keep}:
    assert keep_freed_memory()
else:
    # As a process is that never freed anything large: the threshold has not adapted yet.
    import ctypes
    ctypes.CDLL(None).mallopt(-3, 128 * 1024)
frame()
print(frame())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_frame_after_frame_the_same_memory_is_used() -> None:
    def faults(*, keep: bool) -> int:
        script = FAULTS.format(keep=keep)
        # A huge page is one fault for 512 small ones, wherever the system happens to have some.
        env = os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, env=env
        )
        return int(done.stdout)

    assert faults(keep=True) < 100
    assert faults(keep=False) > 1_000


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: SimpleNamespace())
    assert not keep_freed_memory()
