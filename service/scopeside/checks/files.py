"""Whether the files that the settings name are on this machine; none of them is read."""

from __future__ import annotations

from collections.abc import Iterator

from scopeside.checks.weights import weights
from scopeside.errors import ConfigError
from scopeside.settings import Settings


def require_files(settings: Settings) -> None:
    """Raise ConfigError, with a sentence for each, where files that the settings name are absent.

    `serve` and `segment` would end with the same, but only once they are under way.
    """
    problems = list(_problems(settings))
    if problems:
        raise ConfigError(" ".join(problems))


def _problems(settings: Settings) -> Iterator[str]:
    security = settings.security
    named = {
        "preprocess.dark": settings.preprocess.dark,
        "preprocess.flat": settings.preprocess.flat,
    }
    if security.curve:
        named |= {
            "security.server_key": security.server_key,
            "security.clients": security.clients,
            "security.publisher_key": security.publisher_key,
        }
    for key, path in named.items():
        if path is not None and not path.exists():
            yield f"{key} = {path}: there is no such file; correct the path."
    found = weights(settings)
    if found.ok is False:
        yield f"embed.weights = {settings.embed.weights}: {found.value.rstrip('.')}. {found.fix}"
