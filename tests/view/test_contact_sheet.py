import numpy as np
import pytest

from scopeside.errors import OutputError
from scopeside.view.contact_sheet import (
    LegendEntry,
    Share,
    Tile,
    contact_sheet,
    save_contact_sheet,
)

RED, BLUE = (200, 0, 0), (0, 0, 200)


def tile(shape=(40, 60), shares=((1, RED, 0.25), (2, BLUE, 0.75)), pictures=2):
    picture = np.full((*shape, 3), 90, dtype=np.uint8)
    return Tile(
        pictures=[picture] * pictures,
        title="frame 3",
        shares=[Share(id=i, color=color, fraction=f) for i, color, f in shares],
    )


def legend(*texts):
    return [LegendEntry(color=RED, text=text) for text in texts]


def pixels(sheet, color):
    return int((np.asarray(sheet) == color).all(axis=2).sum())


def test_bars_are_as_long_as_the_fractions():
    sheet = contact_sheet([tile()], [], title="t", picture_px=200)
    assert pixels(sheet, BLUE) == pytest.approx(3 * pixels(sheet, RED), rel=0.03)
    assert pixels(sheet, RED) > 0


def test_every_tile_shows_every_picture():
    one = contact_sheet([tile()], [], title="t", picture_px=120)
    four = contact_sheet([tile()] * 4, [], title="t", picture_px=120)
    assert pixels(four, (90, 90, 90)) == 4 * pixels(one, (90, 90, 90))
    assert pixels(one, (90, 90, 90)) == 2 * 120 * 80


def test_rows_fill_from_the_left_and_a_tall_frame_makes_its_row_taller():
    two = contact_sheet([tile()] * 2, [], title="t", columns=2, picture_px=120)
    three = contact_sheet([tile()] * 3, [], title="t", columns=2, picture_px=120)
    tall = contact_sheet([tile(), tile((90, 60))], [], title="t", columns=2, picture_px=120)
    assert three.width == two.width
    assert three.height > two.height
    assert tall.height - two.height == 100  # 180 px instead of 80 at the same width


def test_a_long_legend_wraps_below_the_tiles():
    short = contact_sheet([tile()], legend("a"), title="t", picture_px=120)
    long = contact_sheet(
        [tile()], legend(*["a name of some length"] * 6), title="t", picture_px=120
    )
    assert long.width == short.width
    assert long.height > short.height
    assert pixels(long, RED) > pixels(short, RED)


def test_names_in_any_script_are_drawn():
    sheet = contact_sheet([tile()], legend("γ′ phase, e⁻/m²"), title="α", picture_px=120)
    assert sheet.width > 0


def test_a_sheet_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    sheet = contact_sheet([tile()], [], title="t", picture_px=60)
    save_contact_sheet(tmp_path / "deep" / "sheet.png", sheet)
    assert (tmp_path / "deep" / "sheet.png").stat().st_size > 0
    with pytest.raises(OutputError, match=r"sheet\.png"):
        save_contact_sheet(tmp_path / "file" / "sheet.png", sheet)
