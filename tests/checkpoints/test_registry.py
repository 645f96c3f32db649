"""Names: each means one checkpoint, and a slip of the pen finds the one that was meant."""

import re

import pytest

from scopeside.checkpoints.addresses import address
from scopeside.checkpoints.locate import SUFFIXES
from scopeside.checkpoints.registry import BUILTIN, PUBLISHED, names, nearest_name, published


def test_the_names_are_those_of_the_documentation():
    assert names() == (
        "builtin",
        "seeded",
        "micronet",
        "micronet-v1.0",
        "imagenet-micronet",
        "imagenet",
    )


def test_micronet_means_version_1_1_and_the_older_one_has_its_version_in_its_name():
    found = {one.name: one.url.rpartition("/")[2] for one in PUBLISHED}

    assert found["micronet"] == "resnet50_pretrained_microscopynet_v1.1.pth.tar"
    assert found["micronet-v1.0"] == "resnet50_pretrained_microscopynet_v1.0.pth.tar"
    assert found["imagenet-micronet"] == "resnet50_pretrained_imagenet-microscopynet_v1.0.pth.tar"


def test_no_two_names_share_a_file_and_every_file_can_be_loaded():
    files = [address(one.url).file_name for one in PUBLISHED]

    assert len(set(files)) == len(files)
    assert all(file.endswith(SUFFIXES) for file in files)
    assert all(one.url.startswith("https://") and one.about and one.terms for one in PUBLISHED)


def test_the_digits_in_torchvisions_file_name_are_those_that_are_demanded():
    (imagenet,) = [one for one in PUBLISHED if one.name == "imagenet"]

    assert re.search(r"-([0-9a-f]{8})\.pth$", imagenet.url)[1] == imagenet.sha256


def test_the_url_of_a_name_means_the_name():
    for one in PUBLISHED:
        assert published(one.url) is one
    assert published(BUILTIN) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("micronte", "micronet"),
        ("MicroNet", "micronet"),
        ("micronet-1.0", "micronet-v1.0"),
        ("imagnet", "imagenet"),
        ("built-in", "builtin"),
        ("vgg", None),
    ],
)
def test_the_nearest_name_is_found(written, meant):
    assert nearest_name(written) == meant
