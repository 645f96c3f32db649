"""CURVE key pairs as files: `NAME.key` is public, `NAME.key_secret` its owner's alone."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zmq.auth import create_certificates, load_certificate

from scopeside.errors import ConfigError, OutputError

PUBLIC, SECRET, CLIENTS = ".key", ".key_secret", "clients"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """`public` is the public key in Z85; `secret` says whether the other file is there, and
    `admitted` whether the public one lies in the folder `clients`."""

    name: str
    public: str
    secret: bool
    admitted: bool


def make_keys(folder: Path, names: Sequence[str], *, clients: bool) -> None:
    """Make a pair for each name; with `clients` its public half is put into `folder/clients` too.

    Raises ConfigError for a name that is no file's, and OutputError where a file exists already or
    cannot be written: then none is made.
    """
    for name in names:
        if not _NAME.fullmatch(name) or name == CLIENTS:
            raise ConfigError(
                f'"{name}" is no name for a key: use up to 64 letters, digits, dots, dashes and '
                "underscores, and not `clients`."
            )
    admitted = folder / CLIENTS
    wanted = [folder / f"{name}{ending}" for name in names for ending in (PUBLIC, SECRET)]
    wanted += [admitted / f"{name}{PUBLIC}" for name in names] if clients else []
    for path in wanted:
        if path.exists():
            raise OutputError(
                f"{path} exists already: a key is never replaced; choose another name."
            )
    _require_private(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        admitted.mkdir(exist_ok=True, mode=0o700)
        for name in names:
            _make(folder, name)
            if clients:
                shutil.copyfile(folder / f"{name}{PUBLIC}", admitted / f"{name}{PUBLIC}")
    except OSError as error:
        raise OutputError(
            f"Keys cannot be written to {folder} ({error.strerror}): name a folder of yours."
        ) from error


def list_keys(folder: Path) -> list[KeyPair]:
    """Return the pairs of a folder, by name.

    Raises ConfigError for a folder that is none, for a file that is no key, and for a secret that
    others can read.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder: `scopeside keys make NAME` makes it.")
    _require_private(folder)
    pairs = []
    for path in sorted(folder.glob(f"*{PUBLIC}")):
        try:
            public, _ = load_certificate(path)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read as a key: {error}.") from error
        pairs.append(
            KeyPair(
                name=path.stem,
                public=public.decode(),
                secret=path.with_suffix(SECRET).exists(),
                admitted=(folder / CLIENTS / path.name).exists(),
            )
        )
    return pairs


def _make(folder: Path, name: str) -> None:
    """Write both files, the secret one never readable by others, not even for a moment."""
    with tempfile.TemporaryDirectory(dir=folder) as private:  # of mode 0700
        for made in map(Path, create_certificates(private, name)):
            made.chmod(0o600 if made.suffix == SECRET else 0o644)
            os.link(made, folder / made.name)  # where `replace` would overwrite


def _require_private(folder: Path) -> None:
    for path in sorted(folder.glob(f"*{SECRET}")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ConfigError(
                f"{path} is a secret that others on this machine can read (mode {mode:o}): "
                f"`chmod 600 {path}`, and make new keys if somebody may have read it."
            )
