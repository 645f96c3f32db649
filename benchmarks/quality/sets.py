"""The labelled sets: which frames, how large, which classes, which chips. One protocol for all
methods.

Chips see regions, not outlines: classes that are drawn as lines or specks smaller than any chip
are left out of the score (IGNORED) or counted to the material they lie in; each protocol says
which and why. Data come from SCOPESIDE_DATA.

Shapes: Y, X frame pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scopeside.io import open_frames
from scopeside.messages import Array, ChipGrid, UInt8
from scopeside.testing.specimen import IrradiatedFilm, SimulatedFrame

ROOT = Path(__file__).resolve().parents[2]
IGNORED = 255
"""Pixels of the truth that count for nobody."""
FRAMES = 4
"""Frames of each set: enough to see a difference of a few hundredths in one sitting."""
FILM_SHAPE = (512, 512)
INPUT_PX = 64
"""Side to which every chip is resized for the encoder."""


def data_folder() -> Path:
    return Path(os.environ.get("SCOPESIDE_DATA", ROOT / ".." / "shared" / "data"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """One frame and the class of each of its pixels.

    `expose(dose, seed)` records a simulated scene anew at a share of its dose; None where the
    frame is all there is of the scene.
    """

    name: str
    image_YX: Array
    truth_YX: UInt8
    expose: Callable[[float, int], Array] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How one set is cut into chips and scored.

    `classes` names the classes of the truth that are scored; `k` is how many materials a method
    that is told the truth is told of.
    """

    name: str
    chip_px: int
    classes: tuple[str, ...]
    why: str
    read: Callable[[int], list[Labelled]]
    real: bool = True
    aimed: bool = True

    @property
    def stride_px(self) -> int:
        return self.chip_px // 2

    @property
    def k(self) -> int:
        return len(self.classes)

    @property
    def tolerance_px(self) -> float:
        """Half a chip stride: no painting of chips places a boundary more exactly."""
        return self.stride_px / 2

    def grid(self, shape: tuple[int, int]) -> ChipGrid:
        return ChipGrid(shape=shape, chip_px=self.chip_px, stride_px=self.stride_px)

    def frames(self, count: int = FRAMES) -> list[Labelled]:
        """Return the first `count` frames; none where the data are not on this machine."""
        return self.read(count)


def _files(folder: str, names: tuple[str, ...] | None) -> list[tuple[Path, Path]]:
    """Pairs of image and mask: those named, or spread evenly over the set."""
    base = data_folder() / "labelled" / folder
    images = sorted((base / "images").glob("*")) if base.is_dir() else []
    if names is not None:
        images = [image for image in images if image.stem in names]
        images.sort(key=lambda image: names.index(image.stem))
    else:
        step = max(1, len(images) // FRAMES)
        images = images[::step][:FRAMES]
    return [(image, base / "masks" / f"{image.stem}.png") for image in images]


def _reader(
    folder: str,
    recode: Mapping[int, int],
    *,
    names: tuple[str, ...] | None = None,
    others: int | None = None,
    halved: bool = False,
    window: tuple[slice, slice] = (slice(None), slice(None)),
) -> Callable[[int], list[Labelled]]:
    """Read a folder of images and masks; `recode` maps its classes, `others` takes the rest."""

    def read(count: int) -> list[Labelled]:
        found = []
        for image, mask in _files(folder, names)[:count]:
            values_YX, classes_YX = _one(image)[window], _one(mask)[window]
            if halved:
                values_YX = _halved(values_YX)
                ny, nx = values_YX.shape
                classes_YX = classes_YX[::2, ::2][:ny, :nx]
            found.append(
                Labelled(
                    name=image.stem,
                    image_YX=values_YX,
                    truth_YX=recoded(classes_YX, recode, others=others),
                )
            )
        return found

    return read


def recoded(classes_YX: Array, recode: Mapping[int, int], *, others: int | None = None) -> UInt8:
    """Return the truth in the protocol's classes; a class that nobody names is an error."""
    rest = -1 if others is None else others
    truth_YX = np.full(classes_YX.shape, rest, dtype=np.int16)
    for source, target in recode.items():
        truth_YX[classes_YX == source] = target
    if (truth_YX < 0).any():
        raise ValueError(f"classes beside {sorted(recode)} in a mask")
    return truth_YX.astype(np.uint8)


def _one(path: Path) -> Array:
    return next(iter(open_frames(path).frames()))


def _halved(values_YX: Array) -> Array:
    """Return means of 2 x 2 pixels; an odd last row or column is dropped."""
    ny, nx = (side // 2 * 2 for side in values_YX.shape)
    blocks = values_YX[:ny, :nx].reshape(ny // 2, 2, nx // 2, 2)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def _films(seed: int, **harder: float) -> Callable[[int], list[Labelled]]:
    def read(count: int) -> list[Labelled]:
        doses = (0.35, 0.5, 0.65, 0.8)[:count]
        return [_film(seed + n, progress, **harder) for n, progress in enumerate(doses)]

    return read


def _film(seed: int, progress: float, **harder: float) -> Labelled:
    def expose(dose: float, number: int) -> SimulatedFrame:
        counts = IrradiatedFilm.mean_counts * dose
        film = IrradiatedFilm(shape=FILM_SHAPE, seed=seed, mean_counts=counts, **harder)
        return film.expose(progress * film.dose_full_e_per_m2, number=number)

    first = expose(1.0, 0)
    return Labelled(
        name=f"film {seed} at {progress:g}",
        image_YX=first.counts_YX,
        truth_YX=first.truth_YX,
        expose=lambda dose, number: expose(dose, number).counts_YX,
    )


PROTOCOLS = (
    Protocol(
        name="bf_tem_nanoparticles",
        chip_px=32,
        classes=("film", "particle"),
        why="Particles are 40 to 90 px wide, so chips of half that.",
        read=_reader("bf_tem_nanoparticles", {0: 0, 1: 1}),
    ),
    Protocol(
        name="emps_tem_particles",
        chip_px=32,
        classes=("background", "particle"),
        why="Any instance is particle. Four panels whose particles are wider than a chip and cover"
        " at least a tenth.",
        read=_reader(
            "emps_tem_particles",
            {0: 0},
            others=1,
            names=("00655d9628", "10d85f70bd", "296a52bf09", "5568be0f4c"),
        ),
    ),
    Protocol(
        name="nasa_superalloy_sem",
        chip_px=24,
        classes=("matrix", "secondary precipitate"),
        why="Tertiary precipitates are specks of a few pixels within the matrix: they count to it."
        " The channels between secondary ones are 10 to 30 px wide, so chips are small.",
        read=_reader("nasa_superalloy_sem", {0: 0, 1: 1, 2: 0}),
    ),
    Protocol(
        name="nasa_ebc_sem",
        chip_px=64,
        classes=("other materials", "oxide"),
        why="Cracks are lines: ignored. What is not oxide is three materials or four, so only the"
        " many-to-one score can be high.",
        read=_reader("nasa_ebc_sem", {0: 0, 1: 1, 2: IGNORED}),
    ),
    Protocol(
        name="sstem_drosophila_vnc",
        chip_px=32,
        classes=("glia", "mitochondrion", "intracellular"),
        why="Membranes are outlines and synapses are specks: ignored. The quarter of each section"
        " at the upper right, which holds all three.",
        read=_reader(
            "sstem_drosophila_vnc",
            {0: IGNORED, 1: 0, 2: 1, 3: IGNORED, 4: 2},
            window=(slice(0, 512), slice(512, 1024)),
        ),
    ),
    Protocol(
        name="pnnl_sto_ge_haadf",
        chip_px=64,
        classes=("cap and interface", "SrTiO3", "Ge"),
        why="One frame, halved. The truth is the published chip-level classification.",
        read=_reader("pnnl_sto_ge_haadf", {0: 0, 1: 1, 2: 2}, halved=True),
    ),
    Protocol(
        name="simulated film",
        chip_px=48,
        classes=("crystalline", "amorphous"),
        why="Exact truth; films that no constant of the service was chosen on. Six periods of the"
        " lattice a chip: 64-px chips could not follow the front within 0.96.",
        read=_films(20),
        real=False,
    ),
    Protocol(
        name="simulated film, harder",
        chip_px=48,
        classes=("crystalline", "amorphous"),
        why="The lattice bends and strains: the crystal varies as much as the phases differ.",
        read=_films(
            30, lattice_spacing_px=8.0, strain_px=1.5, bending=0.2, thickness_gradient=0.08
        ),
        real=False,
        aimed=False,
    ),
)
