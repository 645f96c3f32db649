"""Preprocess: what a detector can do to a frame, and what the image then is."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from scopeside.errors import DropError, DropReason, MissingExtraError
from scopeside.messages import Channel, Frame, Image
from scopeside.settings import PreprocessSettings
from scopeside.stages.preprocess import Preprocess

WIRE_DTYPES = "|u1 <u2 >u2 <u4 >u4 <i2 >i2 <i4 >i4 <f2 >f2 <f4 >f4 <f8 >f8"


def frame_of(values: NDArray[Any], *, series: str = "a", number: int = 0) -> Frame:
    return Frame(
        series=series,
        number=number,
        t_ns=0,
        channels=(Channel(name="image", values=values),),
        received_ns=0,
        received_s=0.0,
    )


def texture(seed: int = 0, shape: tuple[int, int] = (48, 70)) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).poisson(400, shape).astype(np.uint16)


def preprocess(values: NDArray[Any], **chosen: Any) -> Image:
    return Preprocess(PreprocessSettings(**chosen))(frame_of(values))


def test_the_percentiles_of_the_frame_become_black_and_white() -> None:
    values = np.arange(1000, dtype=">u2").reshape(20, 50)
    image = preprocess(values, low_percentile=10, high_percentile=90)
    assert (image.low, image.high) == (99.0, 899.0)
    wanted = np.clip((np.arange(1000).reshape(20, 50) - 99) / 800, 0, 1)
    np.testing.assert_allclose(image.values_YX, wanted, atol=1e-7)
    assert image.values_YX.dtype == np.float32
    assert (image.flat, image.nonfinite_px, image.saturated_fraction) == (False, 0, 0.0)


@settings(deadline=None, max_examples=100)
@given(
    values=st.sampled_from(WIRE_DTYPES.split()).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
    ),
    contrast=st.sampled_from(["frame", "series"]),
    clahe=st.booleans(),
    corrected=st.booleans(),
    hot_pixel_sigma=st.sampled_from([None, 5.0]),
)
def test_every_frame_gives_a_finite_image_between_zero_and_one(
    values: NDArray[Any],
    contrast: str,
    clahe: bool,
    corrected: bool,
    hot_pixel_sigma: float | None,
) -> None:
    chosen = PreprocessSettings.model_validate(
        {"contrast": contrast, "clahe": clahe, "hot_pixel_sigma": hot_pixel_sigma}
    )
    reference = np.ones(values.shape, np.float32) if corrected else None
    before = values.copy()
    image = Preprocess(chosen, dark_YX=reference, flat_YX=reference)(frame_of(values))
    assert image.values_YX.shape == values.shape
    assert np.isfinite(image.values_YX).all()
    assert image.values_YX.min() >= 0
    assert image.values_YX.max() <= 1
    assert image.nonfinite_px >= np.count_nonzero(~np.isfinite(values.astype(np.float64)))
    if image.flat:
        assert not image.values_YX.any()
    np.testing.assert_array_equal(values, before)  # a frame may be the receiver's own memory


@pytest.mark.parametrize("clahe", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        np.full((9, 12), 7, "<u2"),
        np.full((9, 12), 65535, ">u2"),
        np.zeros((9, 12), "|u1"),
        np.full((9, 12), np.nan, "<f4"),
        np.ones((1, 1), "<f8"),
    ],
    ids=["constant", "saturated", "empty", "all NaN", "one pixel"],
)
def test_a_frame_without_contrast_is_flat_and_zero(values: NDArray[Any], clahe: bool) -> None:
    image = preprocess(values, clahe=clahe)
    assert image.flat
    assert not image.values_YX.any()
    assert image.saturated_fraction == float(values.dtype == np.dtype(">u2"))
    assert image.nonfinite_px == np.count_nonzero(np.isnan(values.astype(float)))


def test_pixels_that_are_not_finite_become_zero_and_do_not_move_the_percentiles() -> None:
    values = texture().astype(np.float32)
    clean = preprocess(values)
    values[3, 4], values[5, 6], values[7, 8] = np.nan, np.inf, -np.inf
    image = preprocess(values)
    assert image.nonfinite_px == 3
    assert abs(image.low - clean.low) <= 2
    assert abs(image.high - clean.high) <= 2
    assert image.values_YX[3, 4] == image.values_YX[5, 6] == image.values_YX[7, 8] == 0


def test_a_series_holds_the_window_of_its_first_frame_with_contrast() -> None:
    stage = Preprocess(PreprocessSettings(contrast="series"))
    assert stage(frame_of(np.full((48, 70), 3, np.uint16))).flat
    first = stage(frame_of(texture(1)))
    assert not first.flat
    brighter = texture(2) + 100
    second = stage(frame_of(brighter, number=2))
    assert (second.low, second.high) == (first.low, first.high)
    assert second.values_YX.mean() > 0.9
    for constant in (3, 60000):
        dead = stage(frame_of(np.full((48, 70), constant, np.uint16), number=3))
        assert dead.flat
        assert not dead.values_YX.any()
    other = stage(frame_of(brighter, series="b"))
    assert other.low > first.low + 50


def test_reset_forgets_the_held_window() -> None:
    stage = Preprocess(PreprocessSettings(contrast="series"))
    first = stage(frame_of(texture(1)))
    stage.reset()
    assert stage(frame_of(texture(1) + 500)).low == first.low + 500


def test_contrast_of_every_frame_holds_nothing() -> None:
    stage = Preprocess(PreprocessSettings())
    first = stage(frame_of(texture(1)))
    assert stage(frame_of(texture(1) + 500)).low == first.low + 500


def test_dark_and_flat_undo_a_detectors_offset_and_gain() -> None:
    rng = np.random.default_rng(3)
    scene = rng.uniform(100, 200, (40, 64))
    dark = rng.uniform(10, 60, scene.shape)
    gain = rng.uniform(0.5, 1.5, scene.shape)
    stage = Preprocess(PreprocessSettings(), dark_YX=dark, flat_YX=gain * 3000)
    image = stage(frame_of((scene * gain + dark).astype(np.float32)))
    wanted = preprocess(scene * gain.mean())
    np.testing.assert_allclose(image.values_YX, wanted.values_YX, atol=1e-5)
    np.testing.assert_allclose([image.low, image.high], [wanted.low, wanted.high], rtol=1e-5)


def test_a_dark_above_an_unsigned_frame_does_not_wrap() -> None:
    values = np.array([[10, 20, 30, 40]], np.uint8)
    stage = Preprocess(
        PreprocessSettings(low_percentile=0, high_percentile=100), dark_YX=np.full((1, 4), 25)
    )
    image = stage(frame_of(values))
    assert (image.low, image.high) == (-15.0, 15.0)
    assert (np.diff(image.values_YX) > 0).all()


def test_flat_field_pixels_without_a_use_leave_the_frame_as_it_is() -> None:
    values = np.array([[8, 16, 8, 8, 8, 8, 4]], np.float32)
    flat = np.array([[2, 4, 0, -1, np.nan, np.inf, 3]], np.float32)
    stage = Preprocess(PreprocessSettings(low_percentile=0, high_percentile=100), flat_YX=flat)
    image = stage(frame_of(values))
    # The usable mean is 3, so 8, 16 and 4 become 12, 12 and 4.
    np.testing.assert_allclose(image.values_YX, [[1, 1, 0.5, 0.5, 0.5, 0.5, 0]])
    assert image.nonfinite_px == 0
    nothing = Preprocess(PreprocessSettings(), flat_YX=np.zeros((1, 7)))(frame_of(values))
    assert (nothing.low, nothing.high) == (4.0, 16.0)


def test_saturation_is_measured_before_the_dark_is_subtracted() -> None:
    values = texture()
    values[:24] = 65535
    stage = Preprocess(PreprocessSettings(), dark_YX=np.full(values.shape, 50))
    assert stage(frame_of(values)).saturated_fraction == 0.5


@pytest.mark.parametrize(("reference", "key"), [("dark_YX", "dark"), ("flat_YX", "flat")])
def test_a_frame_that_a_reference_does_not_fit_is_dropped_by_shape(
    reference: str, key: str
) -> None:
    stage = Preprocess(PreprocessSettings(), **{reference: np.ones((70, 48))})
    with pytest.raises(DropError, match=rf"\[48, 70\].*\[70, 48\].*preprocess\.{key}") as caught:
        stage(frame_of(texture()))
    assert caught.value.reason is DropReason.BAD_SHAPE


def test_hot_and_dead_pixels_are_replaced_and_the_rest_is_kept() -> None:
    values = texture()
    clean = preprocess(values, low_percentile=0, high_percentile=100, hot_pixel_sigma=8)
    assert (clean.low, clean.high) == (values.min(), values.max())
    broken = values.copy()
    broken[10, 20], broken[0, 0], broken[47, 69] = 60000, 50000, 0
    image = preprocess(broken, low_percentile=0, high_percentile=100, hot_pixel_sigma=8)
    changed = np.argwhere(image.values_YX != clean.values_YX).tolist()
    assert changed == [[0, 0], [10, 20], [47, 69]]
    assert image.high < 1000


def test_one_hot_pixel_on_an_even_field_leaves_the_frame_flat() -> None:
    values = np.full((30, 40), 100, np.uint16)
    values[12, 13] = 9000
    assert not preprocess(values, low_percentile=0, high_percentile=100).flat
    chosen = {"low_percentile": 0, "high_percentile": 100, "hot_pixel_sigma": 5}
    assert preprocess(values, **chosen).flat


def test_single_electrons_on_an_empty_field_are_not_hot_pixels() -> None:
    values = np.zeros((60, 60), np.uint8)
    values[::3, ::3] = 1
    chosen = {"low_percentile": 0, "high_percentile": 100, "hot_pixel_sigma": 4}
    np.testing.assert_array_equal(preprocess(values, **chosen).values_YX, values)


def test_hot_pixel_correction_leaves_pixels_that_are_not_finite_to_be_counted() -> None:
    values = texture().astype(np.float32)
    values[:, 50:] += 5000  # bright, where the frame's median is dark
    values[5:9, 5:9] = values[30, 60] = np.nan
    values[20, 20] = 1e6
    image = preprocess(values, low_percentile=0, high_percentile=100, hot_pixel_sigma=8)
    assert image.nonfinite_px == 17
    assert image.high < 6000
    assert not image.values_YX[5:9, 5:9].any()
    assert image.values_YX[30, 60] == 0


def test_clahe_evens_out_a_gradient_and_keeps_the_order_of_neighbours() -> None:
    y, x = np.mgrid[:128, :192]
    values = (1000 + 20 * x + 100 * np.sin(y)).astype(np.uint16)
    plain, evened = preprocess(values), preprocess(values, clahe=True, clahe_clip=4.0)
    halves = [half.mean() for half in np.hsplit(plain.values_YX, 2)]
    evened_halves = [half.mean() for half in np.hsplit(evened.values_YX, 2)]
    assert abs(np.diff(evened_halves)[0]) < 0.6 * abs(np.diff(halves)[0])
    assert (evened.low, evened.high) == (plain.low, plain.high)


def test_clahe_is_opencvs_on_eight_bits() -> None:
    cv2 = pytest.importorskip("cv2")
    values = texture(5, (100, 140))
    plain, evened = preprocess(values), preprocess(values, clahe=True)
    wanted = cv2.createCLAHE(1.0, (8, 8)).apply(np.rint(plain.values_YX * 255).astype(np.uint8))
    np.testing.assert_allclose(evened.values_YX * 255, wanted, atol=1e-4)


@pytest.mark.parametrize("chosen", [{"clahe": True}, {"hot_pixel_sigma": 4.0}])
def test_without_opencv_the_settings_that_need_it_are_refused_at_the_start(
    chosen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name == "cv2":
            raise ImportError(name)
        return real_import(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    Preprocess(PreprocessSettings())
    with pytest.raises(MissingExtraError, match="OpenCV"):
        Preprocess(PreprocessSettings(**chosen))
