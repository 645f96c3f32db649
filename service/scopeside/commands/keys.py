"""The CURVE certificates of a command that talks to a running service."""

from __future__ import annotations

import argparse
from pathlib import Path

from scopeside.client.connection import ClientKeys
from scopeside.errors import ConfigError


def add_key_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server-key", type=Path, metavar="FILE", help="CURVE: the service's .key")
    parser.add_argument(
        "--client-key", type=Path, metavar="FILE", help="CURVE: one's own .key_secret"
    )


def client_keys(args: argparse.Namespace) -> ClientKeys | None:
    """Return what was named, or None; ConfigError where one of the two is missing."""
    if (args.server_key is None) != (args.client_key is None):
        raise ConfigError("CURVE needs both --server-key and --client-key.")
    if args.server_key is None:
        return None
    return ClientKeys(server=args.server_key, client=args.client_key)
