"""Encoder weights: read from a checkpoint, checked against ResNet50, named and hashed."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import struct
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from scopeside.checkpoints.digests import Expected
from scopeside.checkpoints.fetch import PART
from scopeside.checkpoints.locate import PINNED, located
from scopeside.checkpoints.registry import BUILTIN, SHIPPED
from scopeside.errors import WeightsError
from scopeside.stages.embed.compact import expanded
from scopeside.stages.embed.resnet50 import skeleton

MOST_BYTES = 2 * 2**30
"""A ResNet50 checkpoint is about 100 MB, with an optimiser's state about 300 MB: above this
the file is something else, and reading it would only fill the memory."""

_NESTED = ("state_dict", "model")
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    ImportError,
    OverflowError,
    MemoryError,
    struct.error,
)
"""What `torch.load` raises on damaged bytes; a damaged pickle may ask for nearly anything."""

_FORBIDDEN = re.compile("unsupported (global|class)", re.IGNORECASE)
"""How torch's weights-only loader says that a pickle names something besides tensors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """ResNet50's float32 tensors with torchvision's names, and where they come from."""

    name: str
    sha256: str
    state: Mapping[str, Tensor]


def load_weights(source: str, *, cache: Path | None = None, sha256: str | None = None) -> Weights:
    """Return the weights that `source` means: built in, of a name or URL in the cache, of a file.

    `cache` is the cache folder, the user's own when None; `sha256` what the weights must have.
    Raises WeightsError where the file is absent, another one, unsafe, damaged, or not a ResNet50.
    Nothing is fetched.
    """
    if source in SHIPPED:
        weights = _shipped(source)
        if sha256 is not None:
            Expected(digits=sha256, said_by=PINNED).require(weights.sha256, weights.name)
        return weights
    found = located(source, cache=cache, sha256=sha256)
    return read_checkpoint(found.path, name=found.name, expected=found.expected)


def _shipped(name: str) -> Weights:
    from scopeside.stages.embed.builtin import builtin_weights
    from scopeside.stages.embed.seeded import seeded_weights

    return builtin_weights() if name == BUILTIN else seeded_weights()


def read_checkpoint(path: Path, *, name: str, expected: Iterable[Expected] = ()) -> Weights:
    """Return the weights in the file `path`, which must have the `expected` SHA-256.

    Raises WeightsError where it is absent, another file, unsafe, damaged, or not a ResNet50.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise WeightsError(
                f"The weights file {path} holds {size / 2**30:.1f} GiB, too much for a ResNet50;"
                " give a checkpoint of the bare encoder."
            )
        # The bytes are read once, so that what is hashed is what is loaded.
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"The weights file {path} cannot be read ({error.strerror or error}): give one that"
            " can, or a name that `scopeside weights list` shows."
        ) from error
    sha256 = hashlib.sha256(data).hexdigest()
    for one in expected:
        one.require(sha256, f"The weights file {path}")
    safe = path.name.removesuffix(PART).endswith(".safetensors")
    tensors = safetensors_of(data, f"The weights file {path}") if safe else _pickled(data, path)
    return Weights(name=name, sha256=sha256, state=checked_state(tensors, str(path)))


def safetensors_of(data: bytes, what: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, made whole where they are stored compactly.

    Raises WeightsError, naming `what`, where the bytes are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return expanded(load(data))
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"{what} is damaged or no safetensors file: {error}.") from error


def _pickled(data: bytes, path: Path) -> Mapping[str, object]:
    try:
        with warnings.catch_warnings():
            # torch warns of unusual pickles before it refuses them; the refusal is enough.
            warnings.simplefilter("ignore")
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        if _FORBIDDEN.search(str(error)):
            raise WeightsError(
                f"The weights file {path} was refused: it holds Python objects besides tensors,"
                " which could run code when loaded; save its bare state_dict instead."
            ) from error
        raise WeightsError(
            f"The weights file {path} is damaged or no torch checkpoint; fetch it again."
        ) from error
    for key in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"The weights file {path} holds a {type(content).__name__}, not a state_dict."
        )
    return content


def checked_state(tensors: Mapping[str, object], where: str) -> dict[str, Tensor]:
    """Return `tensors` as ResNet50's float32 state; `where` names the file in sentences.

    `module.` prefixes, the classifier `fc` and the batch counters `num_batches_tracked` are
    taken off. Raises WeightsError naming the first tensor that is missing, unexpected, of
    another shape, or not finite.
    """
    given = {str(name).removeprefix("module."): value for name, value in tensors.items()}
    given = {
        name: value
        for name, value in given.items()
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked")
    }
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in skeleton().state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    _same_names(given, expected, where)
    return {name: _checked(name, given[name], shape, where) for name, shape in expected.items()}


def _same_names(given: Mapping[str, object], expected: Mapping[str, object], where: str) -> None:
    missing = next((name for name in expected if name not in given), None)
    if missing is not None:
        raise WeightsError(f"{where} is not a ResNet50: the tensor {missing!r} is missing.")
    unexpected = next((name for name in given if name not in expected), None)
    if unexpected is not None:
        raise WeightsError(
            f"{where} is not a ResNet50: it holds the unexpected tensor {unexpected!r}."
        )


def _checked(name: str, value: object, shape: tuple[int, ...], where: str) -> Tensor:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise WeightsError(f"{where}: {name!r} is not a tensor of floating-point numbers.")
    if tuple(value.shape) != shape:
        raise WeightsError(
            f"{where} is not a ResNet50: {name!r} has the shape {tuple(value.shape)},"
            f" expected {shape}."
        )
    tensor = value.detach().to(torch.float32).contiguous()
    if not bool(torch.isfinite(tensor).all()):
        raise WeightsError(f"{where}: {name!r} holds numbers that are not finite.")
    if name.endswith("running_var") and bool((tensor < 0).any()):
        raise WeightsError(f"{where}: {name!r} holds a negative variance.")
    return tensor


def state_sha256(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors in canonical form: sorted names, shapes, little-endian f4."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name]
        digest.update(f"{name} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().numpy().astype("<f4").tobytes())
    return digest.hexdigest()
