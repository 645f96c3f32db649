"""Whether the weights that the settings name are on this machine."""

from __future__ import annotations

from scopeside.checkpoints.locate import located
from scopeside.checkpoints.registry import SHIPPED
from scopeside.checks.finding import Finding
from scopeside.errors import WeightsError
from scopeside.settings import Settings

SECTION = "engine"


def weights(settings: Settings) -> Finding:
    """Look for the file, without reading it: `scopeside weights verify` does."""
    source = settings.embed.weights
    if source in SHIPPED:
        return _here(f"{source}, part of the package")
    if settings.embed.backend == "null":
        return Finding(section=SECTION, name="weights", value="none: embed.backend = null")
    try:
        found = located(source, cache=settings.service.cache, sha256=settings.embed.weights_sha256)
    except WeightsError as error:
        return _absent(
            str(error), "Fetch or place the file as said above, or change embed.weights."
        )
    except ModuleNotFoundError:
        return _absent(
            "unknown: platformdirs is not installed",
            "Install the engine: pip install 'scopeside[cpu]'.",
        )
    if not found.is_here:
        return _absent(f"{found.path} is not a file", "Set embed.weights to a file that is there.")
    return _here(f"{found.name}, {found.path}")


def _here(value: str) -> Finding:
    return Finding(section=SECTION, name="weights", value=value, ok=True)


def _absent(value: str, fix: str) -> Finding:
    return Finding(section=SECTION, name="weights", value=value, ok=False, fix=fix)
