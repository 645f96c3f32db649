"""Scopeside as a device of Bluesky: a detector of ophyd-async, and plans that steer by it.

Needs the extra `bluesky`: MissingExtraError where it is not installed.
"""

from scopeside.errors import MissingExtraError

try:
    from scopeside.bluesky.detector import ScopesideDetector
    from scopeside.bluesky.plans import acquire_until, visit_targets
except ModuleNotFoundError as error:
    if error.name is None or error.name.split(".")[0] == "scopeside":
        raise
    raise MissingExtraError(
        f"The Bluesky device needs the Python package '{error.name}', which is not installed: "
        "run `pip install 'scopeside[bluesky]'`."
    ) from None

__all__ = ["ScopesideDetector", "acquire_until", "visit_targets"]
