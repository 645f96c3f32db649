"""The weights that have a name: where they are published, by whom, and what is known of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

BUILTIN = "builtin"
SHIPPED = {
    BUILTIN: "part of the package, trained on simulated specimens",
    "seeded": "part of the package, the same before training",
}
"""Names that need no file: these weights come with the package."""

MICRONET = (
    "https://nasa-public-data.s3.amazonaws.com/microscopy_segmentation_models/"
    "resnet50_pretrained_{source}_v{version}.pth.tar"
)
"""As in the public code of Stuckner and co-workers (pretrained-microscopy-models)."""

MICRONET_TERMS = "those of NASA's repository pretrained-microscopy-models; read them there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A checkpoint that somebody publishes.

    `sha256` is what is known of its SHA-256 beforehand: a start of its digits, or nothing.
    """

    name: str
    url: str
    about: str
    terms: str
    sha256: str = ""


PUBLISHED = (
    Published(
        name="micronet",
        url=MICRONET.format(source="microscopynet", version="1.1"),
        about="MicroNet 1.1 (Stuckner and co-workers, NASA): trained on micrographs alone",
        terms=MICRONET_TERMS,
    ),
    Published(
        name="micronet-v1.0",
        url=MICRONET.format(source="microscopynet", version="1.0"),
        about="MicroNet 1.0, an earlier and weaker training on micrographs alone",
        terms=MICRONET_TERMS,
    ),
    Published(
        name="imagenet-micronet",
        url=MICRONET.format(source="imagenet-microscopynet", version="1.0"),
        about="MicroNet 1.0, trained on photographs first and on micrographs then",
        terms=MICRONET_TERMS,
    ),
    Published(
        name="imagenet",
        url="https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
        about="torchvision's IMAGENET1K_V2: trained on photographs alone",
        terms="published with torchvision; ImageNet's images have terms of their own",
        # torchvision puts the first eight digits of the SHA-256 into the name of the file.
        sha256="11ad3fa6",
    ),
)


def names() -> tuple[str, ...]:
    """Return every name that `embed.weights` takes, those shipped first."""
    return (*SHIPPED, *(one.name for one in PUBLISHED))


def published(source: str) -> Published | None:
    """Return the checkpoint that `source`, a name or its very URL, means; None for any other."""
    return next((one for one in PUBLISHED if source in (one.name, one.url)), None)


def nearest_name(source: str) -> str | None:
    """Return the known name that most resembles `source`, or None when nothing is near."""
    near = difflib.get_close_matches(source.lower(), names(), n=1, cutoff=0.6)
    return near[0] if near else None
