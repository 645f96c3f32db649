"""Show a running service in napari."""

from __future__ import annotations

import argparse

from scopeside.commands.keys import add_key_arguments, client_keys
from scopeside.errors import MissingExtraError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="endpoint",
        default="tcp://127.0.0.1:5556",
        metavar="ENDPOINT",
        help="where results come from (default: %(default)s)",
    )
    parser.add_argument(
        "--frames",
        metavar="ENDPOINT",
        help="show the frames too, from the endpoint on which their sender publishes (PUB, bound)",
    )
    add_key_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Show the newest result until the window is closed."""
    from scopeside.viewer.feed import Feed

    try:
        import napari  # noqa: F401  # said here in one sentence, before any socket is made

        from scopeside.viewer.app import show_live
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"`scopeside napari` needs the Python package '{error.name}', which is not installed: "
            "run `pip install 'scopeside[napari]'`, best in an environment of its own."
        ) from error
    show_live(Feed(args.endpoint, frames=args.frames, keys=client_keys(args)))
    return 0
