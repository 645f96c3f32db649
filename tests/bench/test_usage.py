import os
import subprocess
import sys
import time

from scopeside.bench.usage import Meter, Nvml


class Cards:
    """One card whose business is told look by look."""

    def __init__(self, *busy):
        self.busy = list(busy)

    def read(self):
        busy = self.busy.pop(0) if len(self.busy) > 1 else self.busy[0]
        return [("card", busy, int(1000 * busy))]


def test_work_between_two_calls_is_counted_and_no_other():
    meter = Meter(os.getpid(), gpus=Nvml())
    until_s = time.process_time() + 0.2
    while time.process_time() < until_s:
        pass
    working, idle = meter.since_last(), meter.since_last()
    assert working.cpu_s >= 0.15
    assert idle.cpu_s < working.cpu_s
    assert working.memory_bytes > 2**20
    assert working.threads >= 1
    assert working.cores > 0
    assert working.own_cores > 0


def test_a_card_is_averaged_over_the_looks_and_its_memory_is_the_most():
    meter = Meter(os.getpid(), gpus=Cards(0.25))
    (card,) = meter.since_last().gpus
    assert (card.name, card.busy, card.memory_bytes) == ("card", 0.25, 250)


def test_a_meter_looks_by_itself_until_it_is_closed():
    cards = Cards(0.0, 0.5, 1.0, 0.5)
    meter = Meter(os.getpid(), gpus=cards)
    meter.start()
    until_s = time.monotonic() + 20
    while len(cards.busy) > 1 and time.monotonic() < until_s:
        time.sleep(0.01)
    meter.close()
    (card,) = meter.since_last().gpus
    assert card.memory_bytes == 1000
    assert 0.0 < card.busy < 1.0


def test_what_others_take_is_told_however_humble_they_are():
    """Programs that were made nice are in a counter of their own."""
    meter = Meter(os.getpid(), gpus=Nvml())
    work = "import os, time\nos.nice(5)\nwhile time.process_time() < 0.4: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    used = meter.since_last()
    assert used.other_cores > 0.0
