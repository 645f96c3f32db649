"""What a machine with an NVIDIA GPU has to embed with, what it lacks, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator

from scopeside.checks.finding import Finding
from scopeside.device.placement import place
from scopeside.errors import FatalError
from scopeside.settings import Settings

SECTION = "engine"


def tensorrt(settings: Settings) -> Iterator[Finding]:
    """Say whether TensorRT embeds, and of its engines; nothing where no GPU is to be used."""
    from scopeside.stages.embed.choose import choose

    try:
        choice = choose(settings)
    except FatalError:
        return  # `machine.choice` says it
    if choice.device == "cpu":
        return
    yield _driver()
    if place(settings, choice).on_card:
        yield _louvain(settings, choice.device)
    if choice.backend == "tensorrt":
        yield _engines(settings)
    elif settings.embed.backend == "auto":
        yield _lacking(choice.device, choice.precision)


def _lacking(device: str, precision: str) -> Finding:
    import torch

    from scopeside.stages.embed.tensorrt_flavour import how_to_get, installed

    found = installed()
    capability = torch.cuda.get_device_capability(torch.device(device))
    reason = found.reason
    if found.flavour is not None:
        reason = f"{found.flavour.title} does not serve this card"
    return _note(
        "tensorrt",
        f"{reason}: torch runs the network in {precision}, without fusing it, which is slower and"
        f" needs nothing built; to have TensorRT, {how_to_get(capability)}",
    )


def _louvain(settings: Settings, device: str) -> Finding:
    import torch

    from scopeside.device.engines.crossovers import crossovers
    from scopeside.device.engines.packages import missing_packages

    card = torch.cuda.get_device_name(torch.device(device))
    measured = crossovers(card).measured
    known = "measured on this card" if measured else "not measured on this card (make bench-gpu)"
    missing = missing_packages()
    lacks = f"; cuGraph lacks {', '.join(missing)}" if missing else ""
    return _note(
        "louvain",
        f"communities.engine = {settings.communities.engine}; which one `auto` takes for how many"
        f" chips was {known}{lacks}",
    )


def _engines(settings: Settings) -> Finding:
    from scopeside.stages.embed.engine_cache import engines_folder, entries

    folder = engines_folder(settings.service.cache)
    try:
        sizes = [entry.size_bytes for entry in entries(folder)]
    except OSError as error:
        return Finding(
            section=SECTION,
            name="engines",
            value=f"{folder} cannot be read ({error.strerror or error})",
            ok=False,
            fix="Set service.cache to a folder of your own.",
        )
    return _note(
        "engines",
        f"{len(sizes)} kept in {folder}, {sum(sizes) / 1e6:.0f} MB; one that is lacking is built"
        " while warming up, which takes minutes: `scopeside engine build` does it beforehand",
    )


def _driver() -> Finding:
    from scopeside.stages.embed.driver import UNKNOWN, driver_version

    version = driver_version()
    if version != UNKNOWN:
        return _note("driver", version)
    return _note(
        "driver",
        "unknown: without the package nvidia-ml-py an engine is not built anew after an update of"
        " the driver",
    )


def _note(name: str, value: str) -> Finding:
    return Finding(section=SECTION, name=name, value=value)
