"""The layers of napari that show a result, made when they are needed and renewed after that."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopeside.client.result import Result
from scopeside.messages import Array
from scopeside.viewer.feed import View
from scopeside_kernels import reference

FRAME, CONFIDENCE, COMMUNITIES = "frame", "confidence", "communities"

NM_PER_M = 1e9
"""Nanometres, because napari draws in single precision."""


class LiveLayers:
    """Shows views in a napari viewer (or its model without a window).

    Layers keep what the person has set (opacity, visibility, contrast after the first frame); a
    frame of another shape, kind of pixel or calibration begins new ones.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._known: dict[str, tuple[Any, ...]] = {}
        self._colors: dict[int, tuple[int, int, int]] = {}
        self._names: dict[int, str] = {}

    def show(self, view: View) -> None:
        """Renew every layer by one result."""
        scale, units = _scale(view.pixel_size_m)
        place = {"scale": scale, "units": units}
        result = view.result
        if view.image_YX is not None:
            self._image(FRAME, _native(view.image_YX), place)
        self._image(CONFIDENCE, result.confidence_YX, place)
        self._labels(result, place)
        self._viewer.title = (
            f"Scopeside: {result.series}, frame {result.frame}, "
            f"{1e3 * result.timing.service_s:.0f} ms"
        )

    def _image(self, name: str, values_YX: Array, place: dict[str, Any]) -> None:
        if self._is_new(name, values_YX, place):
            self._viewer.add_image(
                values_YX,
                name=name,
                contrast_limits=_limits(values_YX, name),
                visible=name == FRAME,
                colormap="gray",
                **place,
            )
            self._below_communities(name)
        else:
            self._viewer.layers[name].data = values_YX

    def _labels(self, result: Result, place: dict[str, Any]) -> None:
        from napari.utils import DirectLabelColormap

        if self._is_new(COMMUNITIES, result.labels_YX, place):
            self._viewer.add_labels(result.labels_YX, name=COMMUNITIES, opacity=0.4, **place)
        layer = self._viewer.layers[COMMUNITIES]
        layer.data = result.labels_YX
        colors = {one.id: one.color for one in result.communities}
        names = {one.id: one.title for one in result.communities}
        if not colors.items() <= self._colors.items():
            self._colors |= colors
            table: dict[int | None, tuple[float, ...]] = {None: (0.0, 0.0, 0.0, 0.0)}
            table[0] = table[None]
            for id_, color in self._colors.items():
                table[id_] = (*(part / 255 for part in color), 1.0)
            layer.colormap = DirectLabelColormap(color_dict=table)
        if not names.items() <= self._names.items():
            self._names |= names
            layer.features = {"index": list(self._names), "name": list(self._names.values())}

    def _is_new(self, name: str, values_YX: Array, place: dict[str, Any]) -> bool:
        """Whether a layer must be made; one that does not fit any more, or was closed, is."""
        kind = (values_YX.shape, values_YX.dtype.str, *place.values())
        present = name in self._viewer.layers
        if present and self._known.get(name) == kind:
            return False
        if present:
            self._viewer.layers.remove(name)
        self._known[name] = kind
        if name == COMMUNITIES:
            self._colors, self._names = {}, {}
        return True

    def _below_communities(self, name: str) -> None:
        """Images lie below the labels, however late the first of them comes."""
        layers = self._viewer.layers
        layers.move(layers.index(name), 0)


def _scale(
    pixel_size_m: tuple[float, float] | None,
) -> tuple[tuple[float, float], tuple[str, str]]:
    if pixel_size_m is None:
        return (1.0, 1.0), ("pixel", "pixel")
    y_m, x_m = pixel_size_m
    return (y_m * NM_PER_M, x_m * NM_PER_M), ("nm", "nm")


def _limits(values_YX: Array, name: str) -> tuple[float, float]:
    if name == CONFIDENCE:
        return 0.0, 255.0
    window = reference.contrast_window(values_YX, 0.5, 99.5)
    return float(window.low), float(max(window.high, np.nextafter(window.low, np.inf)))


def _native(image_YX: Array) -> Array:
    """Drawing takes the machine's own byte order."""
    native_YX: Array = image_YX.astype(image_YX.dtype.newbyteorder("="), copy=False)
    return native_YX
