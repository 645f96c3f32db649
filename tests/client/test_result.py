import numpy as np
import pytest

from contract_messages import accounting, community, packed, result
from scopeside.client.result import Result, ResultAccounting
from scopeside.errors import DropError


def test_a_result_of_the_contract_becomes_arrays_and_records():
    labels = np.arange(48).reshape(6, 8)
    entries = [community(3, name="amorphous", stage_m=[1.0, 2.0]), community(4)]
    decoded = Result.from_bytes(packed(result(7, labels=labels, communities=entries)))
    assert (decoded.series, decoded.frame, decoded.user) == ("run-1", 7, {"note": "echoed"})
    assert decoded.labels_YX.dtype == np.uint16
    assert np.array_equal(decoded.labels_YX, labels)
    assert decoded.confidence_YX.shape == (6, 8)
    assert decoded.grid.labels_RC.tolist() == [[1, 2]]
    first, second = decoded.communities
    assert (first.title, second.title) == ("amorphous", "community 4")
    assert first.stage_m == (1.0, 2.0)
    assert second.stage_m is None
    assert first.bbox_px == (0, 1, 20, 30)
    assert dict(decoded.timing.stages_s) == {"preprocess": 0.01, "embed": 0.2}
    assert decoded.timing.end_to_end_s is None
    assert decoded.accounting.balances


def test_keys_that_later_versions_add_are_kept():
    decoded = Result.from_bytes(packed(result(quality={"flat": False}, novel=[1])))
    assert decoded.raw["quality"] == {"flat": False}
    assert decoded.raw["novel"] == [1]


def test_descriptors_are_what_the_contract_does_not_name_and_is_a_number_or_nil():
    entry = community(3, crystallinity=0.5, spacing_px=None, chips_seen=8, sure=True, note="x")
    (decoded,) = Result.from_bytes(packed(result(communities=[entry]))).communities
    assert decoded.descriptors == {"crystallinity": 0.5, "spacing_px": None, "chips_seen": 8.0}


def test_fronts_become_records_and_an_older_service_has_none():
    front = {
        "between": [1, 2],
        "position_px": 33.5,
        "position_m": 1e-9,
        "speed_px_per_s": None,
        "speed_m_per_s": None,
        "speed_px_per_frame": 2,
        "roughness_px": 1.5,
        "length_px": 96.0,
        "normal": [0.0, 1.0],
    }
    (decoded,) = Result.from_bytes(packed(result(fronts=[front]))).fronts
    assert (decoded.between, decoded.normal) == ((1, 2), (0.0, 1.0))
    assert (decoded.position_m, decoded.speed_px_per_s) == (1e-9, None)
    assert decoded.speed_px_per_frame == 2.0
    assert (decoded.y_px, decoded.x_px) == (None, None), "an older service does not say"
    front |= {"y_px": 7, "x_px": 33.5}
    (decoded,) = Result.from_bytes(packed(result(fronts=[front]))).fronts
    assert (decoded.y_px, decoded.x_px) == (7.0, 33.5)
    assert Result.from_bytes(packed(result())).fronts == ()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        packed([1, 2]),
        packed({"kind": "heartbeat", "v": 1}),
        packed(result(v=2)),
        packed(result(labels=[[1]]) | {"labels": {"shape": [9], "dtype": "<u2", "codec": "none"}}),
        packed(result(communities=[{"id": 1}])),
        packed(result(communities=[community(1, color=[1, 2])])),
        packed(result(communities=7)),
        packed(result(accounting={"received": 1})),
        packed(result(timing={})),
        packed(result(fronts=[{"between": [1]}])),
        packed(result() | {"frame": "seven"}),
        packed({key: value for key, value in result().items() if key != "series"}),
    ],
)
def test_what_is_no_result_is_refused_in_a_sentence(message):
    with pytest.raises(DropError, match=r"\w+ .*\."):
        Result.from_bytes(message)


def test_books_that_do_not_balance_say_so():
    books = accounting(3, dropped={"overload": 2}, duplicate=1, in_flight=1)
    assert ResultAccounting.from_message(books).balances
    assert ResultAccounting.from_message(books).dropped_total == 2
    assert not ResultAccounting.from_message(books | {"received": 8}).balances
