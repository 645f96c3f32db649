"""The unit for systemd, as far as it can be known without starting it."""

import configparser
import shutil
import subprocess

import pytest

from doc_snippets import ROOT
from scopeside.errors import (
    ConfigError,
    DeviceLostError,
    EndpointError,
    MissingExtraError,
    ServiceError,
    WeightsError,
)
from scopeside.http_settings import HttpSettings
from scopeside.runtime.pulse import INTERVAL_S
from scopeside.settings import ServiceSettings

UNIT = ROOT / "deploy/scopeside.service"


@pytest.fixture(scope="module")
def unit():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(UNIT)
    return parser


def test_a_lost_gpu_restarts_and_what_a_restart_cannot_mend_does_not(unit):
    service = unit["Service"]
    never = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert service["Restart"] == "on-failure"
    assert never == {one.exit_code for one in (ConfigError, WeightsError, MissingExtraError)}
    for error in (DeviceLostError, ServiceError, EndpointError):
        assert error.exit_code not in never


def test_the_watchdog_is_slower_than_the_pulse_and_stopping_than_draining(unit):
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert float(service["WatchdogSec"]) > 5 * INTERVAL_S
    assert float(service["TimeoutStopSec"]) > 2 * ServiceSettings().drain_s
    assert HttpSettings().stuck_s > INTERVAL_S


def test_it_is_confined(unit):
    service = unit["Service"]
    assert service["DynamicUser"] == service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_itself_finds_nothing_wrong(tmp_path):
    # What it would start must be there.
    program = tmp_path / "scopeside"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "scopeside.service"
    copy.write_text(UNIT.read_text().replace("/opt/scopeside/bin/scopeside", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "scopeside" not in done.stdout + done.stderr, done.stderr
