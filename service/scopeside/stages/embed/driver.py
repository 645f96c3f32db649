"""The version of NVIDIA's driver, as NVML gives it."""

from __future__ import annotations

UNKNOWN = "unknown"


def driver_version() -> str:
    """Return the driver's version, as in `580.95.05`; `unknown` without NVML or its bindings."""
    try:
        import pynvml
    except ModuleNotFoundError:
        return UNKNOWN
    try:
        pynvml.nvmlInit()
        try:
            return str(pynvml.nvmlSystemGetDriverVersion())
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return UNKNOWN
