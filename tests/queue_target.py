"""A service with one server and a simulated clock, as `bench.step.offer` sees a target."""

import numpy as np

from scopeside.bench.frames import Load
from scopeside.bench.ledger import Arrival
from scopeside.bench.sender import Sender
from scopeside.bench.target import Books
from scopeside.bench.usage import Usage
from scopeside.client.result import ResultTiming

WALL_NS = 1_700_000_000_000_000_000
LOAD = Load(name="n", kind="k", images=(np.zeros((2, 3), np.uint8),))


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self):
        self.now_s = 5.0

    def __call__(self):
        return self.now_s

    def pass_by(self, seconds):
        self.now_s += seconds


class Queue:
    """Serves one frame after the other, `service_s` each (or what a function of its number says).

    Frames in `dropped` are received and dropped for that reason, `missing` never arrive,
    `undelivered` are served and their results lost, and of those from `full_from` on the socket
    takes none.
    """

    def __init__(
        self, service_s, *, dropped=None, missing=(), undelivered=(), twice=(), full_from=None
    ):
        self.time = Time()
        self._service_s = service_s if callable(service_s) else lambda _number: service_s
        self._dropped, self._missing = dropped or {}, missing
        self._undelivered, self._twice = undelivered, twice
        self._full_from = full_from
        self._free_s = 0.0
        self._sent = self._next = 0
        self._done = {}
        self._books = {"received": 0, "duplicate": 0, "dropped": {}}
        self.listener = self
        self.meter = self
        self.sender = Sender(
            self,
            LOAD,
            clock=self.time,
            sleep=self.time.pass_by,
            wall_ns=lambda: WALL_NS + round(1e9 * self.time()),
        )

    # What frames are sent to.

    def ready(self, timeout_s):
        if self._full_from is None or self._sent < self._full_from:
            return True
        self.time.pass_by(timeout_s)
        return False

    def frame(self, image, *, number, t_ns):
        self._sent += 1
        if number in self._missing:
            return
        self._books["received"] += 1
        if number in self._twice:
            self._books["received"] += 1
            self._books["duplicate"] += 1
        if number in self._dropped:
            reason = self._dropped[number]
            self._books["dropped"][reason] = self._books["dropped"].get(reason, 0) + 1
            return
        received_s = self.time()
        self._free_s = max(self._free_s, received_s) + self._service_s(number)
        self._done[number] = received_s, self._free_s

    # The target.

    def has_ended(self):
        return False

    def numbers(self, count):
        first, self._next = self._next, self._next + count
        return first

    def books(self):
        return Books(
            received=self._books["received"],
            segmented=sum(done_s <= self.time() for _, done_s in self._done.values()),
            missing=0,
            duplicate=self._books["duplicate"],
            in_flight=0,
            dropped=dict(self._books["dropped"]),
        )

    def settled(self, before, *, sent):
        self.time.now_s = max([self.time(), *(done_s for _, done_s in self._done.values())])
        return self.books().since(before)

    # The meter.

    def since_last(self):
        return Usage(
            cpu_s=0.0, cores=0.0, memory_bytes=1, threads=1, own_cores=0.0, other_cores=0.0
        )

    # The listener.

    def newest(self, least):
        came = [n for n, (_, done_s) in self._done.items() if done_s <= self.time()]
        return max([least, *came])

    def count_from(self, first):
        return sum(arrival.number >= first for arrival in self._arrived())

    def take(self):
        arrivals = self._arrived()
        self._done = {n: t for n, t in self._done.items() if t[1] > self.time()}
        return arrivals

    def _arrived(self):
        return [
            Arrival(
                number=number,
                at_s=done_s,
                timing=ResultTiming(
                    t_received_ns=WALL_NS + round(1e9 * received_s),
                    t_published_ns=WALL_NS + round(1e9 * done_s),
                    stages_s={"embed": self._service_s(number)},
                    service_s=done_s - received_s,
                    end_to_end_s=None,
                    uncertainty_s=None,
                ),
            )
            for number, (received_s, done_s) in sorted(self._done.items())
            if done_s <= self.time() and number not in self._undelivered
        ]
