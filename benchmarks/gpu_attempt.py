"""One measurement among many: whatever goes wrong with it becomes what its row says.

Needs torch and no packages beside it, as the benchmark of the kernels does.
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import torch

from harness import Row
from scopeside.errors import FatalError

Made = TypeVar("Made")

LONGEST_ERROR = 300
"""Characters of an error that a row shows; all of it goes to standard error."""


def attempted(make: Callable[[], Made]) -> tuple[Made | None, Row]:
    """Return what was made and nothing, or nothing and what to write in its row.

    A row that `lacks` something could not be had here; one that `failed` should have been. Neither
    may take what else is measured with it.
    """
    try:
        return make(), {}
    except (FatalError, ModuleNotFoundError) as error:
        flaw = {"lacks": str(error)}
    except Exception as error:  # noqa: BLE001  # whatever it is, the other rows are worth having
        traceback.print_exc()
        flaw = {"failed": f"{type(error).__name__}: {error}"[:LONGEST_ERROR]}
    # Outside of the handler, whose traceback kept alive what the attempt had made.
    gc.collect()
    if torch.cuda.is_available():
        with suppress(RuntimeError):  # a card that is lost says so again
            torch.cuda.empty_cache()
    return None, flaw
