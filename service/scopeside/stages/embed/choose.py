"""Which library, device and precision embed on this machine, and why."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

from scopeside.errors import BackendError, MissingExtraError
from scopeside.settings import Settings
from scopeside.stages.embed.tensorrt_flavour import Installed, how_to_get, installed

Backend = Literal["openvino", "torch", "tensorrt", "null"]
Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What embeds, and one reason for each decision, in sentences for people."""

    backend: Backend
    device: str
    precision: Precision
    reasons: tuple[str, ...]


def choose(settings: Settings) -> Choice:
    """Return what `settings` means on this machine.

    Raises MissingExtraError where torch is not installed, and BackendError where what was
    asked for by name is absent.
    """
    if settings.embed.backend == "null":
        reason = "embed.backend = null asks for no encoder"
        return Choice(backend="null", device="cpu", precision="fp32", reasons=(reason,))
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(
            "Embedding needs torch, which is not installed; pip install 'scopeside[cpu]'."
        )
    device, device_reason = _device(settings)
    backend, backend_reason = _backend(settings, device, device_reason)
    precision, precision_reason = _precision(settings, backend, device)
    return Choice(
        backend=backend,
        device=device,
        precision=precision,
        reasons=(device_reason, backend_reason, precision_reason),
    )


def _device(settings: Settings) -> tuple[str, str]:
    import torch

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    asked = settings.device
    if asked == "cpu":
        return "cpu", "device = cpu was asked for"
    if asked == "auto":
        if settings.embed.backend == "openvino":
            return "cpu", "device cpu: embed.backend = openvino runs on the CPU only"
        if cards:
            return "cuda:0", "device cuda:0: torch finds an NVIDIA GPU"
        return "cpu", "device cpu: torch finds no NVIDIA GPU"
    number = int(asked.partition(":")[2] or 0)
    if number >= cards:
        raise BackendError(
            f"device = {asked} was asked for, but torch finds {cards or 'no'} NVIDIA GPU"
            f"{'s' if cards > 1 else ''} here; set device = auto, or install a CUDA build of torch."
        )
    return f"cuda:{number}", f"device = {asked} was asked for"


def _backend(settings: Settings, device: str, device_reason: str) -> tuple[Backend, str]:
    asked = settings.embed.backend
    has_openvino = importlib.util.find_spec("openvino") is not None
    if asked == "openvino":
        if device != "cpu":
            raise BackendError(
                f"embed.backend = openvino runs on the CPU, not on {device};"
                " set device = cpu or embed.backend = torch."
            )
        if not has_openvino:
            raise BackendError(
                "embed.backend = openvino was asked for, but OpenVINO is not installed;"
                " pip install 'scopeside[cpu]' or set embed.backend = torch."
            )
        return "openvino", "embed.backend = openvino was asked for"
    if asked == "torch":
        return "torch", "embed.backend = torch was asked for"
    if asked == "tensorrt":
        return _tensorrt(device, device_reason)
    if device != "cpu":
        return _on_gpu(device)
    if has_openvino:
        return "openvino", "backend openvino: the faster one on CPUs"
    return "torch", "backend torch: OpenVINO is not installed (pip install 'scopeside[cpu]')"


def _tensorrt(device: str, device_reason: str) -> tuple[Backend, str]:
    if device == "cpu":
        raise BackendError(
            f"embed.backend = tensorrt needs an NVIDIA GPU, but {device_reason}; set"
            " embed.backend = auto, or see to the driver and to a CUDA build of torch."
        )
    lack = _lack(device, installed())
    if lack:
        raise BackendError(
            f"embed.backend = tensorrt was asked for, but {lack}; install it"
            f" ({how_to_get(_capability(device))}), or set embed.backend = torch."
        )
    return "tensorrt", "embed.backend = tensorrt was asked for"


def _on_gpu(device: str) -> tuple[Backend, str]:
    found = installed()
    lack = _lack(device, found)
    if lack:
        return "torch", f"backend torch: {lack} ({how_to_get(_capability(device))})"
    return "tensorrt", f"backend tensorrt: {found.reason}"


def _lack(device: str, found: Installed) -> str:
    """Return why TensorRT cannot be taken on this card, or nothing."""
    if found.flavour is None:
        return found.reason
    capability = _capability(device)
    if not found.flavour.serves(capability):
        major, minor = capability
        return f"{found.flavour.title} does not serve cards of compute capability {major}.{minor}"
    return ""


def _capability(device: str) -> tuple[int, int]:
    import torch

    return torch.cuda.get_device_capability(torch.device(device))


def _precision(settings: Settings, backend: Backend, device: str) -> tuple[Precision, str]:
    native = native_precisions(backend, device)
    asked = settings.embed.precision
    if asked == "auto":
        return native[0], f"precision {native[0]}: the fastest that {device} computes natively"
    if asked not in native:
        raise BackendError(
            f"embed.precision = {asked} was asked for, but {backend} on this {device} computes"
            f" only {' and '.join(native)} natively; set embed.precision = auto."
        )
    return asked, f"embed.precision = {asked} was asked for"


def native_precisions(backend: Backend, device: str) -> tuple[Precision, ...]:
    """Return what `backend` computes on `device` without emulation, fastest first."""
    if device != "cpu":
        bf16 = _capability(device) >= (8, 0)
        return ("fp16", "bf16", "fp32") if bf16 else ("fp16", "fp32")
    if backend == "openvino":
        return _openvino_precisions()
    return _torch_cpu_precisions()


def _openvino_precisions() -> tuple[Precision, ...]:
    import openvino as ov

    listed = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return tuple(
        precision
        for precision, capability in _CAPABILITIES.items()
        if capability in listed or precision == "fp32"
    )


_CAPABILITIES: dict[Precision, str] = {"bf16": "BF16", "fp16": "FP16", "fp32": "FP32"}


def _torch_cpu_precisions() -> tuple[Precision, ...]:
    import torch

    # oneDNN accepts bf16 on any AVX-512 and then emulates it; only these two are units for it.
    # torch before 2.10 cannot say what the CPU has, and then nothing is presumed.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"):
        return ("bf16", "fp32")
    return ("fp32",)
