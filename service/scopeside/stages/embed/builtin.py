"""The built-in weights: an encoder trained on simulated specimens, stored compactly.

`scopeside pretrain` made them; `builtin.md` beside them is their card. The kernels are int8 with
a scale for each output channel (`compact`), and become float32 when they are loaded.
"""

from __future__ import annotations

import hashlib
from importlib import resources

from scopeside.errors import WeightsError
from scopeside.stages.embed.weights import Weights, checked_state, safetensors_of

NAME = "builtin-v1"
FILE = "builtin.safetensors"


def builtin_weights() -> Weights:
    """Return the built-in weights; their SHA-256 is that of the file in the package."""
    file = resources.files("scopeside.stages.embed") / FILE
    try:
        data = file.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"The built-in weights {FILE} are missing; install scopeside again."
        ) from error
    state = checked_state(safetensors_of(data, f"The built-in file {FILE}"), "The built-in weights")
    return Weights(name=NAME, sha256=hashlib.sha256(data).hexdigest(), state=state)
