import os

import pytest

from scopeside.checks import machine
from scopeside.configuration import load_settings

CPUINFO = """processor : 0
model name\t: Fancy CPU 9000
flags\t\t: fpu avx2 avx512f avx512_bf16 other
"""


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_the_processor_is_read_from_what_linux_says(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(CPUINFO)
    found = by_name(machine.machine(cpuinfo=file))
    assert found["processor"].value == "Fancy CPU 9000"
    assert found["instructions"].value == "avx2, avx512f, avx512_bf16"
    assert found["cores"].value.split()[0] == str(len(os.sched_getaffinity(0)))
    assert "GiB" in found["memory"].value
    assert "gpu" in found


def test_a_system_without_cpuinfo_is_described_by_what_is_known(tmp_path):
    found = by_name(machine.machine(cpuinfo=tmp_path / "absent"))
    assert found["processor"].value
    assert "instructions" not in found


def test_the_encoder_comes_with_its_reasons():
    pytest.importorskip("torch", reason="needs the engine")
    settings = load_settings(sets=["embed.backend=torch", "device=cpu"]).settings
    encoder, *reasons, stages = machine.choice(settings)
    assert (stages.name, stages.value) == ("stages", "stages on the CPU, like the encoder")
    assert encoder.ok
    assert encoder.value.startswith("torch, ")
    assert "embed.backend = torch was asked for" in [reason.value for reason in reasons]


def test_an_encoder_that_cannot_be_had_is_not_ok_and_has_a_fix():
    torch = pytest.importorskip("torch", reason="needs the engine")
    number = torch.cuda.device_count()
    found = list(machine.choice(load_settings(sets=[f"device=cuda:{number}"]).settings))
    assert [finding.ok for finding in found] == [False]
    assert f"cuda:{number}" in found[0].value
    assert found[0].fix


def test_a_cache_folder_that_can_be_made_is_ok_and_is_not_made(tmp_path):
    folder = tmp_path / "a" / "b"
    finding = machine.cache(load_settings(sets=[f"service.cache={folder}"]).settings)
    assert finding.ok
    assert not (tmp_path / "a").exists()


def test_a_cache_that_is_no_folder_is_not_ok(tmp_path):
    (tmp_path / "file").write_text("")
    settings = load_settings(sets=[f"service.cache={tmp_path}/file/cache"]).settings
    finding = machine.cache(settings)
    assert finding.ok is False
    assert "service.cache" in finding.fix
