import os
import subprocess
import sys
import time

from scopeside.bench.usage import Meter, Nvml, Watched


class Cards:
    """One card whose business is told look by look."""

    def __init__(self, *busy):
        self.busy = list(busy)

    def read(self):
        busy = self.busy.pop(0) if len(self.busy) > 1 else self.busy[0]
        return [("card", busy, int(1000 * busy))]


class Told:
    """A machine that has taken what a test says."""

    def __init__(self):
        self.now_s = self.cpu = self.own = self.everybody = 0.0
        self.memory, self.count = 100, 1

    def clock(self):
        return self.now_s

    def cpu_s(self):
        return self.cpu

    def own_cpu_s(self):
        return self.own

    def all_cpu_s(self):
        return self.everybody

    def memory_bytes(self):
        return self.memory

    def threads(self):
        return self.count


def told_meter():
    machine = Told()
    return machine, Meter(machine, gpus=Cards(0.0), clock=machine.clock)


def test_cores_are_of_the_step_and_others_are_what_nobody_here_took():
    machine, meter = told_meter()
    meter.since_last()
    machine.now_s, machine.cpu, machine.own, machine.everybody = 4.0, 6.0, 1.0, 8.5
    used = meter.since_last()
    assert used.cpu_s == 6.0
    assert (used.cores, used.own_cores, used.other_cores) == (1.5, 0.25, 0.375)
    machine.now_s, machine.cpu, machine.own, machine.everybody = 6.0, 7.0, 1.0, 9.5
    used = meter.since_last()
    assert (used.cores, used.own_cores, used.other_cores) == (0.5, 0.0, 0.0)


def test_memory_and_threads_are_the_most_of_the_step_and_not_the_last():
    machine, meter = told_meter()
    machine.memory, machine.count = 900, 9
    machine.now_s = 1.0
    meter._look()
    machine.memory, machine.count = 300, 3
    used = meter.since_last()
    assert (used.memory_bytes, used.threads) == (900, 9)
    used = meter.since_last()
    assert (used.memory_bytes, used.threads) == (300, 3)


def test_work_between_two_calls_is_counted_and_no_other():
    meter = Meter(Watched(os.getpid()), gpus=Nvml())
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
    meter = Meter(Watched(os.getpid()), gpus=Cards(0.25))
    (card,) = meter.since_last().gpus
    assert (card.name, card.busy, card.memory_bytes) == ("card", 0.25, 250)


def test_a_meter_looks_by_itself_until_it_is_closed():
    cards = Cards(0.0, 0.5, 1.0, 0.5)
    meter = Meter(Watched(os.getpid()), gpus=cards)
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
    meter = Meter(Watched(os.getpid()), gpus=Nvml())
    work = "import os, time\nos.nice(5)\nwhile time.process_time() < 0.4: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    used = meter.since_last()
    assert used.other_cores > 0.0
