"""`python -m scopeside.saving.process`: the saving process, which the tap starts."""

from __future__ import annotations

import argparse
from pathlib import Path

from scopeside.errors import MissingExtraError
from scopeside.recording.process import serve_tap
from scopeside.recording.store import MessageStore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tap")
    parser.add_argument("path", type=Path)
    parser.add_argument("--source", required=True)
    args = parser.parse_args()
    serve_tap(args.tap, lambda: open_store(args.path, args.source))


def open_store(path: Path, source: str) -> MessageStore:
    """Begin a run; MissingExtraError where its packages are not installed."""
    try:
        from scopeside.saving.store import RunStore
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Saving needs the Python package '{error.name}', which is not installed: "
            "run `pip install 'scopeside[save]'`."
        ) from None
    return RunStore(path, source=source)


if __name__ == "__main__":
    main()
