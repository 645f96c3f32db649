from __future__ import annotations

import itertools

from scopeside.palette import color_of


def test_colours_of_the_first_thirty_ids_differ_clearly() -> None:
    colors = [color_of(id_) for id_ in range(1, 31)]
    for first, second in itertools.combinations(colors, 2):
        assert sum(abs(a - b) for a, b in zip(first, second, strict=True)) > 20


def test_every_id_has_a_colour_of_three_bytes() -> None:
    for id_ in (1, 8, 9, 255, 65535):
        assert len(color_of(id_)) == 3
        assert all(0 <= value <= 255 for value in color_of(id_))


def test_no_label_is_black_and_no_community_is() -> None:
    assert color_of(0) == (0, 0, 0)
    assert all(max(color_of(id_)) > 80 for id_ in range(1, 2000))
