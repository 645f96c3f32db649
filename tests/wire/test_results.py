"""Results: every key of the contract, arrays exact, and times that claim no more than is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import pytest

from example_segmentation import CONFIDENCE_YX, FRONT, LABELS_YX, segmentation
from scopeside.errors import DropError, DropReason
from scopeside.messages import Accounting, Segmentation
from scopeside.wire.results import decode_result, encode_segmentation, end_to_end

BOOKS = Accounting(received=3, segmented=2, missing=0, duplicate=0, dropped={"overload": 1})


def published(made: Segmentation, codec: Any = "none") -> bytes:
    # Received at 0.5 s by the monotonic clock: a quarter of a second in the service, half of it
    # spent on encoding.
    readings = iter([(1_375_001_000, 0.625), (1_500_001_000, 0.75)])
    message = encode_segmentation(
        made, accounting=BOOKS, clocks=lambda: next(readings), codec=codec
    )
    return bytes(message)


def test_clocks_are_read_again_when_everything_else_is_encoded() -> None:
    events: list[str] = []

    class Told(dict[str, int]):
        def items(self) -> Any:
            events.append("user encoded")
            return super().items()

    def clocks() -> tuple[int, float]:
        events.append("clocks read")
        return 0, 1.0

    encode_segmentation(segmentation(user=Told(a=1)), accounting=BOOKS, clocks=clocks)
    assert events == ["clocks read", "user encoded", "clocks read"]


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_result_carries_every_key_of_the_contract(codec: str) -> None:
    result = decode_result(published(segmentation(), codec))
    np.testing.assert_array_equal(result["labels"], LABELS_YX)
    np.testing.assert_array_equal(result["confidence"], CONFIDENCE_YX)
    assert result["labels"].dtype.str == "<u2"
    assert result["confidence"].dtype.str == "|u1"
    grid = result["grid"]
    assert (grid["rows"], grid["cols"], grid["chip_px"], grid["stride_px"]) == (2, 4, 64, 32)
    np.testing.assert_array_equal(grid["labels"], np.arange(8).reshape(2, 4))
    assert {
        key: result[key] for key in ("v", "kind", "series", "frame", "t_ns", "stage", "user")
    } == {
        "v": 1,
        "kind": "segmentation",
        "series": "s",
        "frame": 9,
        "t_ns": 1_000,
        "stage": {"x_m": 1e-6},
        "user": {"note": [1, b"\x00", "text"]},
    }
    assert result["communities"] == [
        {
            "id": 2,
            "name": "amorphous",
            "color": [10, 20, 30],
            "chips": 5,
            "area_px": 100,
            "fraction": 0.5,
            "centroid_px": [1.5, 2.5],
            "bbox_px": [0, 1, 20, 30],
            "stage_m": None,
            "mean_intensity": 7.25,
            "confidence": 0.75,
            "age": 4,
        }
    ]
    assert result["graph"] == {
        "edges": 12,
        "resolution": 0.5,
        "modularity": 0.6,
        "communities": 1,
        "stability": 0.9,
    }
    assert result["quality"] == {
        "nonfinite_px": 3,
        "saturated_fraction": 0.25,
        "flat": False,
        "low": 1.0,
        "high": 9.0,
    }
    assert result["timing"] == {
        "t_received_ns": 2_000,
        "t_published_ns": 1_500_001_000,
        "stages": {"preprocess": 0.001, "embed": 0.1, "encode": 0.125},
        "service_s": 0.25,
        "end_to_end_s": None,
        "uncertainty_s": None,
    }
    assert list(result["timing"]["stages"]) == ["preprocess", "embed", "encode"]
    assert result["accounting"]["dropped"] == {"overload": 1}
    assert result["provenance"]["weights"] == {"name": "builtin", "sha256": "00ff"}


def test_numpy_numbers_in_a_community_are_sent_as_plain_ones() -> None:
    made = segmentation()
    community = replace(
        made.communities[0],
        area_px=np.int64(4),  # type: ignore[arg-type]
        centroid_px=(np.float64(1), np.float64(2)),
        stage_m=(np.float64(1e-6), np.float64(2e-6)),
        mean_intensity=np.float32(3),  # type: ignore[arg-type]
    )
    result = decode_result(published(replace(made, communities=(community,))))
    assert result["communities"][0]["area_px"] == 4
    assert result["communities"][0]["stage_m"] == [1e-6, 2e-6]


def test_descriptors_are_keys_of_their_community_and_fronts_a_list() -> None:
    made = segmentation()
    described = replace(
        made.communities[0], descriptors={"crystallinity": np.float64(0.5), "spacing_m": None}
    )
    result = decode_result(published(replace(made, communities=(described,), fronts=(FRONT,))))
    assert (
        result["communities"][0] | {"crystallinity": 0.5, "spacing_m": None}
        == (result["communities"][0])
    )
    assert result["fronts"] == [
        {
            "between": [2, 5],
            "y_px": 47.5,
            "x_px": 33.5,
            "position_px": 33.5,
            "position_m": None,
            "speed_px_per_s": None,
            "speed_m_per_s": None,
            "speed_px_per_frame": -0.5,
            "roughness_px": 1.25,
            "length_px": 96.0,
            "normal": [0.0, 1.0],
        }
    ]


def test_end_to_end_is_known_only_where_the_clocks_are() -> None:
    def times(**frame: Any) -> tuple[float | None, float | None]:
        return end_to_end(segmentation(**frame).frame, 2_000_000_000)

    assert times() == (None, None)
    assert times(same_host=True) == (pytest.approx(1.999999), 0.0)
    assert times(same_host=True, t_ns=2**62) == (None, None)
    assert times(clock_offset_ns=999_999_000) == (pytest.approx(1.0), None)
    assert times(clock_offset_ns=-1_000, clock_uncertainty_ns=500_000, same_host=True) == (
        pytest.approx(2.0),
        pytest.approx(0.0005),
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "heartbeat"}, DropReason.BAD_HEADER),
        ({"v": 2}, DropReason.BAD_VERSION),
        ({"grid": 3}, DropReason.BAD_HEADER),
        ({"labels": {"shape": [2]}}, DropReason.BAD_PAYLOAD),
        ({"confidence": None}, DropReason.BAD_PAYLOAD),
        ({"grid": {"rows": 1}}, DropReason.BAD_PAYLOAD),
    ],
)
def test_what_is_no_result_is_refused(changes: Any, reason: DropReason) -> None:
    message = msgpack.packb(msgpack.unpackb(published(segmentation())) | changes)
    with pytest.raises(DropError) as caught:
        decode_result(message)
    assert caught.value.reason is reason


def test_bytes_that_are_no_msgpack_are_refused() -> None:
    for message in (b"", b"\xc1", b"\x93\x01", b"GET / HTTP/1.1"):
        with pytest.raises(DropError):
            decode_result(message)


def test_calibration_is_echoed_and_nil_where_the_frame_gave_none() -> None:
    affine = ((1e-9, 0.0, 1e-6), (0.0, 2e-9, 3e-6))
    told = decode_result(published(segmentation(pixel_size_m=(2e-9, 1e-9), pixel_to_stage=affine)))
    assert told["pixel_size_m"] == [2e-9, 1e-9]
    assert told["pixel_to_stage"] == [list(row) for row in affine]
    untold = decode_result(published(segmentation()))
    assert untold["pixel_size_m"] is untold["pixel_to_stage"] is None
