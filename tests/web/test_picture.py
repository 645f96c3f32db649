"""Pictures as a page gets them: labels exact, frames nearly so, sizes shared."""

import asyncio
import io
import json
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from scopeside.web.picture import SIZES_PX, Picture, size_for
from scopeside.wire.arrays import encode_array

SHAPE = (300, 200)


def picture(max_px=1024, confidence=True):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    arrays = {
        "image": ((x + y) // 2).astype(np.uint8),
        "labels": np.where(x < 70, 1, 60_000).astype("<u2"),
    }
    if confidence:
        arrays["confidence"] = (y % 256).astype(np.uint8)
    reply = {name: encode_array(values, "none") for name, values in arrays.items()}
    result = {"series": "film", "frame": 3, "shape": list(SHAPE), "communities": [], "user": b"x"}
    return Picture({"seq": 5, "result": result, **reply}, max_px=max_px), arrays


def taken_apart(message):
    (length,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + length])
    parts, offset = {}, 4 + length
    for name, size in header["parts"]:
        parts[name] = message[offset : offset + size]
        offset += size
    assert offset == len(message)
    return header, parts


def test_at_full_size_labels_and_confidence_are_exact_and_the_frame_is_near():
    made, arrays = picture()
    header, parts = taken_apart(made.encoded(1024, confidence=True))
    assert (header["seq"], header["size"], header["shape"]) == (5, list(SHAPE), list(SHAPE))
    for name, dtype in (("labels", "<u2"), ("confidence", "u1")):
        values = np.frombuffer(zlib.decompress(parts[name]), dtype).reshape(SHAPE)
        np.testing.assert_array_equal(values, arrays[name])
    grey = np.asarray(Image.open(io.BytesIO(parts["image"]))).astype(int)
    assert np.abs(grey - arrays["image"]).max() < 12


@pytest.mark.parametrize("px", SIZES_PX[:2])
def test_smaller_pictures_have_no_label_that_was_not_there(px):
    made, _ = picture()
    header, parts = taken_apart(made.encoded(px, confidence=False))
    height, width = header["size"]
    assert max(height, width) == min(px, max(SHAPE))
    assert "confidence" not in parts
    labels = np.frombuffer(zlib.decompress(parts["labels"]), "<u2").reshape(height, width)
    assert set(np.unique(labels)) == {1, 60_000}
    assert abs((labels == 1).mean() - 0.35) < 0.01
    assert Image.open(io.BytesIO(parts["image"])).size == (width, height)


def test_viewers_that_ask_at_once_share_one_encoding_until_a_name_changes(monkeypatch):
    made, _ = picture()
    encoded, works = made.encoded, []

    def counted(px, **kind):
        works.append(px)
        return encoded(px, **kind)

    monkeypatch.setattr(made, "encoded", counted)

    async def look(sizes):
        with ThreadPoolExecutor(max_workers=4) as encoder:
            return await asyncio.gather(
                *(made.message(px, confidence=False, encoder=encoder) for px in sizes)
            )

    # As large as the picture is and larger ones are one size.
    messages = asyncio.run(look([512, 512, 1024, 512, 300]))
    assert len(set(map(id, messages))) == 1
    assert works == [300]
    made.result["communities"] = [{"id": 1, "name": "new"}]
    made.told_anew()
    (message,) = asyncio.run(look([512]))
    assert taken_apart(message)[0]["communities"][0]["name"] == "new"


def test_a_viewer_that_goes_away_takes_a_picture_from_no_other():
    made, _ = picture()

    async def look():
        with ThreadPoolExecutor(max_workers=1) as encoder:
            leaving, staying = (
                asyncio.create_task(made.message(512, confidence=False, encoder=encoder))
                for _ in range(2)
            )
            await asyncio.sleep(0)
            leaving.cancel()
            return await staying

    assert taken_apart(asyncio.run(look()))[0]["seq"] == 5


def test_who_wants_more_than_is_there_is_not_served():
    small, _ = picture(max_px=256, confidence=False)
    assert small.serves(256, confidence=False)
    assert not small.serves(512, confidence=False)
    assert not small.serves(256, confidence=True)


def test_sizes_are_few():
    assert [size_for(px) for px in (1, 256, 257, 900, 5000)] == [256, 256, 384, 1024, 1024]
