"""Make and list CURVE keys.

Here too: the two options with which commands that talk to a running service take theirs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scopeside.client.connection import ClientKeys
from scopeside.errors import ConfigError
from scopeside.key_files import list_keys, make_keys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    making = actions.add_parser("make", help="make key pairs; nothing is replaced")
    making.add_argument("names", nargs="+", metavar="NAME", help="of whom each pair is")
    making.add_argument(
        "--client",
        action="store_true",
        help="admit them: put their public keys into the folder `clients` too",
    )
    listing = actions.add_parser("list", help="show the keys of a folder; no secret is shown")
    for action in (making, listing):
        action.add_argument(
            "--folder",
            type=Path,
            default=Path("keys"),
            metavar="DIR",
            help="where keys lie (default: %(default)s)",
        )


def run(args: argparse.Namespace) -> int:
    """Do one action; 2 for a secret that others can read, 5 where a file exists already."""
    if args.action == "make":
        make_keys(args.folder, args.names, clients=args.client)
    for pair in list_keys(args.folder):
        if args.action == "make" and pair.name not in args.names:
            continue
        secret = "secret here" if pair.secret else "no secret here"
        admitted = "admitted as a client" if pair.admitted else "not admitted as a client"
        sys.stdout.write(f"{pair.name:<16} {pair.public}  {secret}, {admitted}\n")
    return 0


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
