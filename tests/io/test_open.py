"""Every format of real micrographs opens with the right frames; everything else is refused."""

import importlib.util
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from scopeside.errors import InputFileError, MissingExtraError
from scopeside.io import open_frames
from scopeside.io.open import readable

DATA = Path(
    os.environ.get("SCOPESIDE_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")
).resolve()

# path, frames, shape, dtype, pixel size (metres, rounded to four digits) or None
REAL = [
    ("formats/bcf/tem_haadf_eds_64x64.bcf", 1, (64, 64), "<u2", 7.71e-10),
    ("formats/dm3/bf_series", 3, (128, 128), "<f4", 1.911e-08),
    ("formats/dm3/bf_series/BF_002.dm3", 1, (128, 128), "<f4", 1.911e-08),
    ("formats/dm3/haadf_512_with_extra_plot.dm3", 1, (512, 512), "<u2", 1.775e-11),
    ("formats/dm3/stem_image_68.dm3", 1, (68, 68), "<u4", 2.485e-10),
    ("formats/dm4/jeol_haadf_112.dm4", 1, (112, 112), "<f4", 1.249e-09),
    ("formats/dm4/stack_int16_66x65x64.dm4", 66, (65, 64), "<i2", 3e-09),
    ("formats/emd/ncem_emd_1024.emd", 1, (1024, 1024), "<u2", 1.225e-11),
    ("formats/emd/velox_4_detectors_128.emd", 1, (128, 128), "<u2", 8.737e-08),
    ("formats/emd/velox_ceta_512.emd", 1, (512, 512), "<i2", 3.139e-09),
    ("formats/emd/velox_tem_stack_2x3x3.emd", 2, (3, 3), "<i2", 8.173e-12),
    ("formats/mib/merlin_4x2_256x256.mib", 8, (256, 256), "|u1", None),
    ("formats/mrc/de_frames_348x16x16_uint16.mrc", 348, (16, 16), "<u2", None),
    ("formats/mrc/emd_3197_volume.map", 20, (20, 20), "<f4", 1.14e-09),
    ("formats/mrc/stack_3x128x128_float32.mrc", 3, (128, 128), "<f4", 2e-10),
    ("formats/npy/v_mos2_haadf_000-2.npy", 1, (512, 512), "<f8", None),
    ("formats/prz/panta_rhei_16x16.prz", 1, (16, 16), "<u2", 7.796e-09),
    ("formats/ser/diffraction_128x128x5.emi", 5, (128, 128), "<i4", None),
    ("formats/ser/diffraction_128x128x5_1.ser", 5, (128, 128), "<i4", None),
    ("formats/ser/sto_stem_1024.ser", 1, (1024, 1024), "<u2", 1.001e-11),
    ("formats/tif/dm_stack.tif", 2, (68, 68), "<f4", 1.687e-06),
    ("formats/tif/eftem_stack_4x256x256_float32.tif", 4, (256, 256), "<f4", None),
    ("formats/tif/fei_helios_uint16.tif", 1, (471, 512), "<u2", 3.372e-06),
    ("formats/tif/imagej_stack.tif", 2, (68, 68), "<f4", 1.687e-07),
    ("formats/tif/tvips_1024_uint8.tif", 1, (1024, 1024), "|u1", 1.421e-09),
    ("formats/tif/zeiss_sem_512_uint8.tif", 1, (384, 512), "|u1", 1.165e-08),
    ("streams/agau_tilt_movie/stack_half_every4th.tif", 36, (482, 490), "|u1", None),
    ("streams/haadf_tilt_series/HAADF.dm3", 91, (64, 64), "<u2", 1.799e-08),
    ("streams/lptem_nanorods/frames", 12, (1024, 1024), "|u1", None),
    ("streams/npg_tensile_brittle/stack.tif", 13, (1047, 1046), "|u1", None),
    ("streams/swnt_growth_etem/stack.tif", 48, (480, 480), "|u1", None),
    ("labelled/bf_tem_nanoparticles/images", 26, (512, 512), "|u1", None),
    ("labelled/bf_tem_nanoparticles/images/test_05.png", 1, (512, 512), "|u1", None),
    ("labelled/emps_tem_particles/images/00655d9628.png", 1, (515, 512), "|u1", None),
    ("labelled/nasa_ebc_sem/images/010417_4_S2480009.png", 1, (1024, 1024), "|u1", None),
    ("labelled/nasa_superalloy_sem/images/45kx_SE_15kV-etched_0.png", 1, (512, 512), "<u2", None),
    ("labelled/pnnl_sto_ge_haadf/images/sto_ge_haadf.jpg", 1, (3044, 3042), "|u1", None),
    ("labelled/sstem_drosophila_vnc/images/section_00.png", 1, (1024, 1024), "|u1", None),
    ("multimodal/cuzn_haadf_eels/haadf.hspy", 1, (50, 40), "<u2", 9.214e-10),
    ("multimodal/sio2_haadf_eds/haadf.hspy", 1, (128, 128), "<f4", 8.552e-09),
    ("multimodal/idp_haadf_eds_tilt/tilt_+00.bcf", 1, (256, 256), "<u2", 1.308e-08),
    ("multimodal/tio2_sem_tsem/1908248/raw_sem_1908248.tif", 1, (768, 1024), "|u1", 7.344e-09),
]

REFUSED = [
    ("formats/dm4/eels_si_2x2x2048.dm4", r"EELS spectra of shape \(2048, 2, 2\)"),
    ("multimodal/cuzn_haadf_eels/eels_spectrum_image.hspy", r"EELS spectra of shape"),
    ("multimodal/fept_core_shell_eds/bare_core.hdf5", r"EDS_TEM spectra of shape"),
    ("multimodal/co3o4_mn3o4_haadf_eels/Co3O4_Mn3O4.h5", "cannot be read as frames"),
    ("streams/agau_tilt_movie/AgAu_no_overlay.mp4", "no reader knows"),
    ("README.md", "no reader knows"),
]


def real(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no real data at {path}: set SCOPESIDE_DATA")
    return path


@pytest.mark.parametrize(("name", "count", "shape", "dtype", "pixel_m"), REAL)
def test_real_files_open_with_their_frames(name, count, shape, dtype, pixel_m):
    recording = open_frames(real(name))
    assert len(recording) == count
    assert recording.shape == shape
    assert recording.dtype == np.dtype(dtype)
    if pixel_m is None:
        assert recording.pixel_size_m is None
    else:
        assert recording.pixel_size_m[0] == pytest.approx(pixel_m, rel=5e-4)
    for index in {0, count - 1}:
        frame = recording.frame(index)
        assert frame.shape == shape
        assert frame.dtype == np.dtype(dtype)
        assert np.isfinite(frame).all()


@pytest.mark.parametrize(("name", "why"), REFUSED)
def test_real_files_without_images_are_refused_in_one_sentence(name, why):
    with pytest.raises(InputFileError, match=why) as refusal:
        open_frames(real(name))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("formats/blo/sped_3x2x144x144.blo", "skimage"),
        ("formats/emd/velox_haadf_eds_16x16.emd", "sparse"),
    ],
)
def test_a_reader_without_its_package_says_which(name, module):
    path = real(name)
    if importlib.util.find_spec(module) is not None:
        pytest.skip(f"{module} is installed here")
    with pytest.raises(MissingExtraError, match=f"'{module}'"):
        open_frames(path)


def test_readers_neither_warn_nor_log(capfd):
    path = real("formats/mrc/emd_3197_volume.map")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in ("formats/dm3/stem_image_68.dm3", "formats/tif/fei_helios_uint16.tif"):
            open_frames(path).frame(0)
            open_frames(real(name)).frame(0)
    assert not caught
    assert capfd.readouterr() == ("", "")


def test_where_a_file_holds_several_images_the_choice_is_said():
    recording = open_frames(real("formats/emd/velox_4_detectors_128.emd"))
    assert recording.note.startswith("took image 'HAADF', left image 'DF2'")


def test_a_stack_of_pages_equals_what_tifffile_reads():
    path = real("streams/npg_tensile_brittle/stack.tif")
    expected = tifffile.imread(path)
    frames = list(open_frames(path).frames())
    assert np.array_equal(np.stack(frames), expected)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(InputFileError, match="No such file"):
        open_frames(tmp_path / "absent.tif")


@pytest.mark.parametrize("suffix", [".tif", ".png", ".npy", ".dm3", ".mrc"])
def test_an_empty_file_says_so(tmp_path, suffix):
    path = tmp_path / f"empty{suffix}"
    path.touch()
    with pytest.raises(InputFileError, match="is empty"):
        open_frames(path)


@pytest.mark.parametrize(
    "suffix", [".tif", ".png", ".jpg", ".npy", ".dm3", ".dm4", ".mrc", ".ser", ".emd", ".hspy"]
)
def test_noise_under_any_name_is_refused_in_one_sentence(tmp_path, suffix):
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(InputFileError) as refusal:
        open_frames(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_a_file_cut_short_is_refused_when_opened_or_when_read(tmp_path, suffix):
    path = tmp_path / f"whole{suffix}"
    values = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    match suffix:
        case ".png":
            Image.fromarray(values).save(path)
        case ".tif":
            tifffile.imwrite(path, values)
        case _:
            np.save(path, values)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(InputFileError):
        open_frames(path).frame(0)


def test_an_ending_nobody_knows_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not an image")
    assert not readable(path)
    with pytest.raises(InputFileError, match=r"'\.txt', which no reader knows"):
        open_frames(path)


def test_text_paths_are_taken_as_well(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros((5, 6), np.uint8))
    assert open_frames(str(tmp_path / "one.npy")).shape == (5, 6)


@pytest.mark.parametrize(
    ("suffix", "blocked"), [(".png", "PIL"), (".tif", "rsciio"), (".tif", "tifffile")]
)
def test_without_the_reading_packages_the_extra_is_named(tmp_path, suffix, blocked):
    path = tmp_path / f"image{suffix}"
    values = np.zeros((9, 9), np.uint8)
    tifffile.imwrite(path, values) if suffix == ".tif" else Image.fromarray(values).save(path)
    # In a fresh interpreter, since a module once imported stays.
    script = f"""
import sys
sys.modules[{blocked!r}] = None
from scopeside.errors import MissingExtraError
from scopeside.io import open_frames
try:
    open_frames({str(path)!r})
except MissingExtraError as error:
    sys.stdout.write(str(error))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "not installed" in done.stdout
