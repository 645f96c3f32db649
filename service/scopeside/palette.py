"""Stable colours for community ids, told apart by people with any colour vision.

The first eight are Okabe and Ito's (2008), without black, and a grey: safe with the common
colour-vision deficiencies. Later ids walk round the hue circle by the golden angle, which keeps
any run of neighbours far apart, in three lightnesses by turns.
"""

from __future__ import annotations

import colorsys

Color = tuple[int, int, int]

_OKABE_ITO: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (153, 153, 153),
)
_GOLDEN_TURN = 0.6180339887498949
_LIGHTNESS = (0.85, 0.55, 0.4)
_SATURATION = 0.9


def color_of(id_: int) -> Color:
    """Return the colour `(r, g, b)`, 0 to 255, of an id from 1 up; 0 (no label) is black."""
    if id_ <= 0:
        return (0, 0, 0)
    if id_ <= len(_OKABE_ITO):
        return _OKABE_ITO[id_ - 1]
    turn = id_ - len(_OKABE_ITO)
    red, green, blue = colorsys.hls_to_rgb(
        turn * _GOLDEN_TURN % 1.0, _LIGHTNESS[turn % len(_LIGHTNESS)], _SATURATION
    )
    return round(255 * red), round(255 * green), round(255 * blue)
