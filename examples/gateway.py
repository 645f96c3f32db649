"""Points to visit and masks to rescan, as JSON over HTTP: for loops without ZeroMQ or Python.

    python examples/gateway.py --service 127.0.0.1 --port 8770
    curl 'http://127.0.0.1:8770/points?community=amorphous&count=3&after=12'

What it answers is in docs/client.md. It needs the client and Python's standard library, answers
on this machine alone unless --bind says otherwise, and asks for no password: keep it so.
"""

from __future__ import annotations

import argparse
import base64
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from scopeside.client import Client, Result
from scopeside.errors import ConfigError, FatalError

SILENCE_S = 2.0
"""After this long without a result the service is asked why."""

MOST_WAIT_S = 60.0
"""Longest that a request may wait for a newer frame."""

Query = dict[str, str]


class Newest:
    """The newest result, kept by a thread of its own; `problem` is why there is none."""

    def __init__(self, make_client: Callable[[], Client]) -> None:
        self.problem: str | None = None
        self._result: Result | None = None
        self._came = threading.Condition()
        self._over = threading.Event()
        self._make_client = make_client
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def after(self, frame: int | None, series: str | None, wait_s: float) -> Result | None:
        """Return a result of a later frame, or of another series; None where none comes in time.

        Of any frame where `frame` is None; of whatever series where `series` is None.
        """
        with self._came:
            self._came.wait_for(lambda: self._is_after(frame, series), wait_s)
            return self._result if self._is_after(frame, series) else None

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _is_after(self, frame: int | None, series: str | None) -> bool:
        if self._result is None or frame is None:
            return self._result is not None
        return self._result.frame > frame or self._result.series != (series or self._result.series)

    def _follow(self) -> None:
        with self._make_client() as client:
            while not self._over.is_set():
                try:
                    for result in client.results(timeout_s=SILENCE_S):
                        with self._came:
                            self._result, self.problem = result, None
                            self._came.notify_all()
                        if self._over.is_set():
                            return
                    self.problem = "The service is ready, but has had no frame lately."
                except FatalError as error:  # absent, busy, paused: it may come back
                    self.problem = str(error)


def state(newest: Newest, query: Query) -> dict[str, Any]:
    """GET /: which frame is the newest, what is in it, and whether all is well."""
    result = newest.after(*waiting(query))
    communities = [] if result is None else result.communities
    return {
        **about(newest, result),
        "communities": [
            {"id": one.id, "name": one.name, "fraction": one.fraction, "area_px": one.area_px}
            for one in communities
        ],
    }


def points(newest: Newest, query: Query) -> dict[str, Any]:
    """GET /points: where to go next, the best first."""
    result = required(newest, query)
    targets = result.label_map.points(
        community_of(query),
        number(query, "count", int, 1),
        query.pop("strategy", "interior"),  # type: ignore[arg-type]  # the chooser checks it
        min_distance_px=number(query, "min_distance_px", float, 0.0),
        one_per_region=flag(query, "one_per_region", default=True),
        seed=number(query, "seed", int, 0),
    )
    return {
        **about(newest, result),
        "points": [
            {
                "community": target.community,
                "y_px": target.y_px,
                "x_px": target.x_px,
                "stage_m": target.stage_m,
                "clearance_px": target.clearance_px,
                "confidence": target.confidence,
            }
            for target in targets
        ],
    }


def mask(newest: Newest, query: Query) -> dict[str, Any]:
    """GET /mask: which pixels to scan again, of a community, or of low confidence, or both."""
    result = required(newest, query)
    below = number(query, "confidence_below", float, 1.0)
    if not 0.0 <= below <= 1.0:
        raise ConfigError(f"confidence_below lies between 0 and 1, and {below} does not.")
    if "community" not in query and below >= 1.0:
        raise ConfigError("A mask needs community=ID or NAME, confidence_below=0 to 1, or both.")
    mask_YX = result.confidence_YX < 255 * below if below < 1.0 else result.labels_YX > 0
    if "community" in query:
        mask_YX = mask_YX & result.label_map.mask(community_of(query))
    encoding = query.pop("encoding", "rows")
    if encoding not in ENCODINGS:
        raise ConfigError(f"encoding is one of {', '.join(ENCODINGS)}, not {encoding!r}.")
    return {
        **about(newest, result),
        "pixels": int(np.count_nonzero(mask_YX)),
        "encoding": encoding,
        "mask": ENCODINGS[encoding](mask_YX),
    }


def as_rows(mask_YX: Any) -> list[list[int]]:
    """Return runs `[row, first column, length]`, as a scan goes: from the top, left to right."""
    runs = []
    padded_YX = np.pad(mask_YX, ((0, 0), (1, 1))).astype(np.int8)
    steps_YX = np.diff(padded_YX, axis=1)
    starts, ends = np.argwhere(steps_YX == 1), np.argwhere(steps_YX == -1)
    for (row, first), (_, end) in zip(starts.tolist(), ends.tolist(), strict=True):
        runs.append([row, first, end - first])
    return runs


def as_bits(mask_YX: Any) -> str:
    """Return one bit a pixel, row by row, the first pixel the highest bit, in base64."""
    return base64.b64encode(np.packbits(mask_YX).tobytes()).decode()


ENCODINGS: Mapping[str, Callable[[Any], Any]] = {"rows": as_rows, "bits": as_bits}
ROUTES = {"/": state, "/points": points, "/mask": mask}


def about(newest: Newest, result: Result | None) -> dict[str, Any]:
    """What every answer says: which frame it is of, and whether newer ones are to be expected."""
    facts = {"problem": newest.problem}
    if result is None:
        return facts | {"series": None, "frame": None, "shape": None, "pixel_to_stage": None}
    return facts | {
        "series": result.series,
        "frame": result.frame,
        "shape": list(result.labels_YX.shape),
        "pixel_to_stage": result.pixel_to_stage,
    }


def required(newest: Newest, query: Query) -> Result:
    """Return the result that a request is about; LookupError where none came."""
    after, series, wait_s = waiting(query)
    result = newest.after(after, series, wait_s)
    if result is None:
        later = "" if after is None else f" after frame {after}"
        raise LookupError(f"There is no result{later} yet. {newest.problem or ''}".strip())
    return result


def waiting(query: Query) -> tuple[int | None, str | None, float]:
    """Return after which frame of which series a newer one is wanted, and for how long."""
    after = number(query, "after", int, None)
    wait_s = number(query, "wait_s", float, 0.0 if after is None else 10.0)
    return after, query.pop("series", None), min(MOST_WAIT_S, wait_s)


def community_of(query: Query) -> int | str:
    if "community" not in query:
        raise ConfigError("Say which community: community=ID or community=NAME.")
    text = query.pop("community")
    return int(text) if text.isdecimal() else text


def number(query: Query, key: str, kind: Callable[[str], Any], default: Any) -> Any:
    text = query.pop(key, None)
    try:
        return default if text is None else kind(text)
    except ValueError:
        raise ConfigError(f"{key} is a number, not {text!r}.") from None


def flag(query: Query, key: str, *, default: bool) -> bool:
    text = query.pop(key, str(default).lower())
    if text not in ("true", "false"):
        raise ConfigError(f"{key} is true or false, not {text!r}.")
    return text == "true"


class Handler(BaseHTTPRequestHandler):
    newest: Newest

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        query = dict(parse_qsl(target.query))
        try:
            if target.path not in ROUTES:
                self._send(404, {"error": f"There is {', '.join(ROUTES)}, not {target.path}."})
                return
            body = ROUTES[target.path](self.newest, query)
            if query:
                raise ConfigError(f"{target.path} does not know {', '.join(sorted(query))}.")
            self._send(200, body)
        except LookupError as error:
            self._send(503, {"error": str(error)})
        except ConfigError as error:
            self._send(400, {"error": str(error)})

    def _send(self, code: int, body: dict[str, Any]) -> None:
        content = json.dumps(body, allow_nan=False).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Say nothing of requests that were answered."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--service", default="127.0.0.1", metavar="HOST")
    parser.add_argument("--results", metavar="ENDPOINT", help="instead of HOST's port 5556")
    parser.add_argument("--control", metavar="ENDPOINT", help="instead of HOST's port 5558")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS")
    parser.add_argument("--port", type=int, default=8770)
    args = parser.parse_args()
    server = ThreadingHTTPServer((args.bind, args.port), Handler)
    newest = Newest(lambda: Client(args.service, results=args.results, control=args.control))
    Handler.newest = newest
    print(f"http://{args.bind}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("stopped")
    finally:
        server.server_close()
        newest.close()


if __name__ == "__main__":
    main()
