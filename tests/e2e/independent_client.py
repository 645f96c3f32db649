"""A client written from docs/wire-contract.md alone: pyzmq, msgpack, NumPy and nothing of ours.

    python independent_client.py FRAMES RESULTS EVENTS CONTROL

It publishes (PUSH, bound to FRAMES), reads the newest result and the events, asks every command,
and ends the service with `drain`. What it finds against the contract it says on stderr and ends
with 1; else it writes what it saw to stdout as JSON.
"""

import json
import struct
import sys
import time

import msgpack
import numpy as np
import zmq

WAIT_S = 60.0
DTYPES = ("|u1", "<u2", "<u4", "<i2", "<i4", "<f2", "<f4", "<f8", ">u2", ">i4", ">f4", ">f8")
NUMBER = (int, float)
COMMUNITY = {
    "id": int,
    "name": (str, type(None)),
    "color": list,
    "chips": int,
    "area_px": int,
    "fraction": float,
    "centroid_px": list,
    "bbox_px": list,
    "stage_m": (list, type(None)),
    "mean_intensity": NUMBER,
    "confidence": float,
    "age": int,
}
BOOKS = {"received": int, "segmented": int, "missing": int, "duplicate": int, "dropped": dict}
REASONS = {
    *("overload", "deadline", "stale", "out_of_order", "bad_topic", "bad_header", "bad_version"),
    *("bad_shape", "bad_dtype", "bad_codec", "bad_payload", "too_large", "compute"),
}


class BrokenContractError(Exception):
    """The service did not do as the page says."""


def need(condition, what):
    if not condition:
        raise BrokenContractError(what)


def need_keys(mapping, types, where):
    for key, kind in types.items():
        need(key in mapping, f"{where} lacks {key}")
        value = mapping[key]
        need(isinstance(value, kind), f"{where}.{key} is {value!r}")
        need(kind is not int or type(value) is int, f"{where}.{key} is {value!r}")


def need_books(books, where):
    need_keys(books, BOOKS, where)
    need(set(books["dropped"]) <= REASONS, f"{where} drops for {set(books['dropped'])}")
    settled = books["segmented"] + books["duplicate"] + sum(books["dropped"].values())
    # "plus those in flight": never fewer received than accounted for.
    need(books["received"] >= settled, f"{where} does not balance: {books}")
    return books["received"] - settled


def array(packed, where):
    need_keys(packed, {"shape": list, "dtype": str, "codec": str, "data": bytes}, where)
    need(packed["codec"] == "none", f"{where}.codec is {packed['codec']}")
    return np.frombuffer(packed["data"], packed["dtype"]).reshape(packed["shape"])


def zstd(data):
    """A Zstandard frame (RFC 8878) of raw blocks: single segment, content size in four bytes."""
    blocks = [data[at : at + 2**17] for at in range(0, len(data), 2**17)]
    packed = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data))
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        packed += struct.pack("<I", len(block) << 3 | last)[:3] + block
    return packed


def picture(shape, dtype, seed):
    """Stripes beside noise, in the range of the dtype."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    noise = np.random.default_rng(seed).random(shape)
    values = np.where(x < shape[1] // 2, (y // 3) % 2, noise) * 100
    return values.astype(dtype)


class Client:
    def __init__(self, frames, results, events, control):
        self.context = zmq.Context()
        self.frames = self._socket(zmq.PUSH)
        self.frames.bind(frames)
        self.results = self._socket(zmq.SUB)
        self.results.setsockopt(zmq.CONFLATE, 1)
        self.results.subscribe(b"")
        self.results.connect(results)
        self.events = self._socket(zmq.SUB)
        self.events.subscribe(b"")
        self.events.connect(events)
        self.control = self._socket(zmq.REQ)
        self.control.connect(control)
        self.seen = []
        self.asked = 0

    def _socket(self, kind):
        socket = self.context.socket(kind)
        socket.linger = 0
        return socket

    def close(self):
        self.context.destroy(linger=0)

    def ask(self, cmd, **more):
        self.asked += 1
        self.control.send(msgpack.packb({"v": 1, "id": ["n", self.asked], "cmd": cmd, **more}))
        need(self.control.poll(1000 * WAIT_S), f"no reply to {cmd}")
        reply = msgpack.unpackb(self.control.recv())
        need(reply["v"] == 1, f"the reply to {cmd} has another version")
        need(reply["id"] == ["n", self.asked], f"the reply to {cmd} has another id")
        return reply

    def do(self, cmd, **more):
        reply = self.ask(cmd, **more)
        need(reply["ok"] is True, f"{cmd} is refused: {reply.get('error')}")
        return reply

    def refused(self, cmd, **more):
        reply = self.ask(cmd, **more)
        need(reply["ok"] is False, f"{cmd} {more} is not refused")
        need_keys(reply["error"], {"code": str, "message": str}, f"the error of {cmd}")
        return reply["error"]

    def send(self, topic, header, *payloads):
        packed = msgpack.packb({"v": 1, "t_ns": time.time_ns(), **header})
        self.frames.send_multipart([topic, packed, *payloads])

    def send_image(self, series, number, image, *, codec="none", **more):
        channel = {
            "name": "haadf",
            "shape": list(image.shape),
            "dtype": image.dtype.str,
            "codec": codec,
        }
        payload = image.tobytes() if codec == "none" else zstd(image.tobytes())
        header = {"series": series, "frame": number, "channels": [channel], **more}
        self.send(b"scopeside.frame", header, payload)

    def event(self, kind, **fields):
        """The next event that is like this; what comes before it is checked and kept."""
        until_s = time.monotonic() + WAIT_S
        while time.monotonic() < until_s:
            if not self.events.poll(1000):
                continue
            (message,) = self.events.recv_multipart()
            event = msgpack.unpackb(message)
            self._check_event(event)
            self.seen.append(event["kind"])
            if event["kind"] == kind and fields.items() <= event.items():
                return event
        raise BrokenContractError(f"no {kind} event with {fields}")

    def result(self, number):
        """The newest result, once it is that of this frame."""
        until_s = time.monotonic() + WAIT_S
        while time.monotonic() < until_s:
            if self.results.poll(100):
                message = self.results.recv_multipart()
                need(len(message) == 1, "a result has more than one part")
                result = msgpack.unpackb(message[0])
                if result["frame"] == number:
                    return result
        raise BrokenContractError(f"no result of frame {number}")

    def _check_event(self, event):
        types = {
            "heartbeat": {
                "state": str,
                "uptime_s": float,
                "queue": int,
                "rate_hz": float,
                "totals": dict,
            },
            "series": {"event": str, "series": str},
            "drop": {"reason": str, "message": str, "count": int},
            "community": {"event": str, "series": str, "frame": int, "id": int},
            "observation": {"series": str, "frame": int, "communities": list, "fronts": list},
            "error": {"code": str, "message": str},
            "targets": {"series": str, "frame": int, "strategy": str, "points": list},
            "alarm": {"rule": str, "watch": str, "value": float, "threshold": float},
        }
        need(event.get("v") == 1, f"an event has version {event.get('v')}")
        need(event.get("kind") in types, f"an event is a {event.get('kind')}")
        need_keys(event, types[event["kind"]], event["kind"])
        if event["kind"] == "heartbeat":
            need_books(event["totals"], "heartbeat.totals")
        if event.get("event") == "ended":
            need(need_books(event["accounting"], "ended") == 0, "a series ends in flight")
        if event["kind"] == "drop":
            need(event["reason"] in REASONS, f"a drop is for {event['reason']}")


def check_result(result, image, *, series, number, user, stage):
    ny, nx = image.shape[:2]
    need((result["v"], result["kind"]) == (1, "segmentation"), "v or kind")
    need(result["series"] == series and result["frame"] == number, "series or frame")
    need(result["user"] == user and result["stage"] == stage, "user or stage is not echoed")
    need_keys(result, {"t_ns": int, "communities": list, "graph": dict, "timing": dict}, "result")
    labels, confidence = array(result["labels"], "labels"), array(result["confidence"], "confid.")
    need(labels.shape == confidence.shape == (ny, nx), f"label map of {labels.shape}")
    need((labels.dtype.str, confidence.dtype.str) == ("<u2", "|u1"), "dtypes of the maps")
    grid = result["grid"]
    need_keys(grid, dict.fromkeys(("rows", "cols", "chip_px", "stride_px"), int), "grid")
    chips = array(grid["labels"], "grid.labels")
    need(chips.shape == (grid["rows"], grid["cols"]), "grid.labels has another shape")
    need(chips.dtype.str == "<u2", "grid.labels has another dtype")
    check_communities(result["communities"], labels, chips, stage is not None)
    need_keys(
        result["graph"],
        {"edges": int, "resolution": NUMBER, "modularity": float, "communities": int},
        "graph",
    )
    timing = result["timing"]
    need_keys(timing, {"t_received_ns": int, "t_published_ns": int, "service_s": float}, "timing")
    need(result["t_ns"] <= timing["t_received_ns"] <= timing["t_published_ns"], "times")
    need(all(type(value) is float for value in timing["stages"].values()), "timing.stages")
    need(timing["end_to_end_s"] >= timing["service_s"] > 0, "end_to_end_s or service_s")
    need(timing["uncertainty_s"] >= 0, "uncertainty_s")
    need_books(result["accounting"], "accounting")
    need_keys(
        result["provenance"],
        dict.fromkeys(("version", "config", "embedder", "clusterer", "device"), str),
        "provenance",
    )
    need(set(result["provenance"]["weights"]) == {"name", "sha256"}, "provenance.weights")


def check_communities(communities, labels, chips, calibrated):
    need(communities, "there is no community")
    for one in communities:
        need_keys(one, COMMUNITY, "community")
        mask = labels == one["id"]
        y, x = np.nonzero(mask)
        need(one["area_px"] == mask.sum() > 0, "area_px")
        need(one["chips"] == (chips == one["id"]).sum(), "chips")
        need(abs(one["fraction"] - mask.sum() / (labels > 0).sum()) < 1e-6, "fraction")
        need(np.allclose(one["centroid_px"], (y.mean(), x.mean())), "centroid_px")
        y0, x0, y1, x1 = one["bbox_px"]
        need((y0, x0) == (y.min(), x.min()), "bbox_px begins elsewhere")
        need((y1, x1) in {(y.max(), x.max()), (y.max() + 1, x.max() + 1)}, "bbox_px ends elsewhere")
        need(0 <= one["confidence"] <= 1, "confidence")
        need(len(one["color"]) == 3 and all(0 <= c <= 255 for c in one["color"]), "color")
        need(calibrated == (one["stage_m"] is not None), "stage_m")
    need({one["id"] for one in communities} == set(np.unique(labels)) - {0}, "ids of the map")


def commands(client):
    """Every command but those that change the course of things; returns the clock's offset."""
    while client.do("status")["state"] != "ready":
        time.sleep(0.05)
    need(set(client.do("ping")) == {"v", "id", "ok"}, "ping says more than that it lives")
    status = client.do("status")
    need_keys(status, {"uptime_s": float, "totals": dict}, "status")
    need_books(status["totals"], "status.totals")
    need(isinstance(client.do("config")["config"]["graph"]["resolution"], (str, *NUMBER)), "config")
    t0 = time.time_ns()
    reply = client.do("clock", t0_ns=t0)
    t3 = time.time_ns()
    need(reply["t0_ns"] == t0 and reply["t1_ns"] <= reply["t2_ns"], "clock")
    error = client.refused("explode")
    need("explode" in error["message"], "an unknown command is not named")
    error = client.refused("set", values={"chips.size_px": 16})
    need("chips.size_px" in error["message"], "a setting that is not live is not named")
    offset_ns = ((reply["t1_ns"] - t0) + (reply["t2_ns"] - t3)) // 2
    return {"offset_ns": offset_ns, "uncertainty_ns": (t3 - t0) // 2 + 1}


def frames(client, clock):
    """One frame of every dtype, none and zstd, with and without metadata; returns the series."""
    series, number = "independent-1", 0
    client.send(b"scopeside.start", {"series": series, "pixel_size_m": [1e-10, 1e-10]})
    client.event("series", event="started", series=series)
    stage = {"x_m": 1e-6, "y_m": -2e-6, "alpha_rad": 0.1}
    more = {
        "stage": stage,
        "pixel_to_stage": [[1e-10, 0.0, 1e-6], [0.0, 1e-10, -2e-6]],
        "dose_e_per_m2": 1e22,
        "clock": clock,
    }
    for dtype in DTYPES:
        for codec in ("none", "zstd"):
            image = picture((64, 96), dtype, number)
            user = {"note": "é", "bytes": b"\x00\xff", "list": [1, None, 2.5]}
            extra = more if codec == "none" else {}
            client.send_image(series, number, image, codec=codec, user=user, **extra)
            check_result(
                client.result(number),
                image,
                series=series,
                number=number,
                user=user,
                stage=extra.get("stage"),
            )
            number += 1
    steering(client, series, number)
    number += 1
    client.send(b"scopeside.end", {"series": series, "frames": number})
    ended = client.event("series", event="ended", series=series)
    need(ended["accounting"]["segmented"] == number, "the end counts other frames")
    return series, number


def steering(client, series, number):
    """Names, points, visited places, the reference state and a rule that raises an alarm."""
    need(client.refused("targets", community=99)["message"], "an unknown community is not refused")
    rule = {"name": "there", "watch": "fraction", "above": 1e-6, "repeat": False}
    need(client.do("rules", action="set", rule=rule)["rules"][0]["name"] == "there", "rules")
    image = picture((64, 96), "<u2", number)
    client.send_image(series, number, image, pixel_to_stage=[[1e-9, 0, 0], [0, 1e-9, 0]])
    result = client.result(number)
    alarm = client.event("alarm", rule="there", frame=number)
    need_keys(alarm, {"series": str, "community": int, "t_received_ns": int}, "alarm")
    need(alarm["value"] >= alarm["threshold"] == rule["above"], "the alarm's value")
    need(0 < alarm["rule_latency_s"] < result["timing"]["service_s"], "rule_latency_s")
    state = client.do("rules")["states"]["there"]
    need((state["fired"], state["done"], state["value"] > 0) == (1, True, True), "states")
    need(client.do("rules", action="remove", name="there")["rules"] == [], "a rule is not removed")
    id_ = result["communities"][0]["id"]
    client.do("name", community=id_, name="one")
    need(id_ in client.do("reference")["communities"], "reference")
    first = points(client, result, id_, community="one", mark_visited=True)
    (visited,) = client.do("visited", action="list")["points"]
    need(visited["stage_m"] == first[0]["stage_m"], "a visited point is elsewhere")
    for strategy in ("boundary", "random", "high_confidence", "low_confidence", "novelty"):
        options = {"strategy": strategy, "avoid_visited": True, "min_distance_px": 5.0, "count": 3}
        for point in points(client, result, id_, community=id_, **options):
            away = np.hypot(point["y_px"] - first[0]["y_px"], point["x_px"] - first[0]["x_px"])
            need(away >= 5.0, "a visited point is not avoided")
    need(client.do("visited", action="clear")["count"] == 0, "visited points are not cleared")


def points(client, result, id_, **request):
    """Points of a community, as the reply and the event tell of them alike."""
    reply = client.do("targets", **request)
    need((reply["series"], reply["frame"]) == (result["series"], result["frame"]), "whose points")
    told = client.event("targets")
    need(told["points"] == reply["points"], "the event tells of other points")
    labels = array(result["labels"], "labels")
    for point in reply["points"]:
        y, x = int(point["y_px"]), int(point["x_px"])
        need(labels[y, x] == id_ == point["community"], "a point lies elsewhere")
        need(np.allclose(point["stage_m"], (x * 1e-9, y * 1e-9)), "stage_m of a point")
        need(point["clearance_px"] >= 1 and 0 <= point["confidence"] <= 1, "clearance_px")
        need(point["name"] in (None, "one") and point["region"] >= 1, "name or region")
    return reply["points"]


def life(client, old):
    """A second series without a start, two channels, live settings, pause and resume."""
    series, image = "independent-2", picture((50, 70), "<u2", 0)
    spectra = np.zeros((5, 7, 4), "<f4")
    channels = [
        {"name": name, "shape": list(one.shape), "dtype": one.dtype.str, "codec": "none"}
        for name, one in (("haadf", image), ("eds", spectra))
    ]
    header = {"series": series, "frame": 7, "channels": channels}
    client.send(b"scopeside.frame", header, image.tobytes(), spectra.tobytes())
    check_result(client.result(7), image, series=series, number=7, user=None, stage=None)
    client.send_image(old, 0, image)
    client.event("drop", reason="stale", series=old)
    client.send(b"scopeside.nonsense", {"series": series})
    client.event("drop", reason="bad_topic")
    client.do("set", values={"graph.resolution": 0.6})
    client.do("reset")
    client.send_image(series, 9, image)
    result = client.result(9)
    need(result["graph"]["resolution"] == 0.6, "set does not reach the graph")
    need(result["accounting"]["missing"] == 1, "frame 8 is not missing")
    need(client.do("pause")["state"] == "paused", "pause")
    client.event("heartbeat", state="paused")
    client.send_image(series, 10, image)
    need(not client.results.poll(300), "a paused service segments")
    need(client.do("resume")["state"] == "ready", "resume")
    client.result(10)
    need(client.do("drain")["state"] == "draining", "drain")
    ended = client.event("series", event="ended", series=series)
    need(ended["accounting"]["segmented"] == 3, "the end counts other frames")
    client.event("heartbeat", state="stopped")


def main():
    client = Client(*sys.argv[1:5])
    try:
        clock = commands(client)
        series, count = frames(client, clock)
        life(client, series)
    except BrokenContractError as error:
        sys.stderr.write(f"against the contract: {error}\n")
        return 1
    finally:
        client.close()
    ours = [name for name in sys.modules if name.split(".")[0].startswith("scopeside")]
    sys.stdout.write(
        json.dumps({"frames": count, "events": sorted(set(client.seen)), "ours": ours})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
