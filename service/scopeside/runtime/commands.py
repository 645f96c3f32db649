"""What the service does when the control channel asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scopeside import __version__
from scopeside.configuration import Configuration, apply_live, config_hash
from scopeside.errors import ServiceError
from scopeside.runtime.compute import Compute
from scopeside.runtime.lifecycle import Lifecycle, State
from scopeside.runtime.measures import Measures
from scopeside.runtime.preview import Previews
from scopeside.runtime.pulse import Pulse
from scopeside.stages.intake import Intake
from scopeside.steering.steering import Steering
from scopeside.wire.control import Preview, RulesRequest, Targets, VisitedPoints
from scopeside.wire.results import accounting_map


class ServiceCommands:
    """The commands of the wire contract; the control thread alone calls them.

    `web` is where the page is served. `announce` tells everybody of a change of state at once,
    before the next heartbeat is due.
    """

    def __init__(
        self,
        configuration: Configuration,
        web: str | None,
        lifecycle: Lifecycle,
        intake: Intake,
        pulse: Pulse,
        announce: Callable[[], None],
        measures: Measures,
        previews: Previews,
        steering: Steering,
    ) -> None:
        self._settings = configuration.settings
        self._sources = dict(configuration.sources)
        self._web = web
        self._lifecycle = lifecycle
        self._intake = intake
        self._pulse = pulse
        self._announce = announce
        self._measures = measures
        self._previews = previews
        self._steering = steering
        self._compute: Compute | None = None

    def attach(self, compute: Compute) -> None:
        """Take over the compute thread once the service is warm."""
        self._compute = compute

    def status(self) -> dict[str, Any]:
        books = self._intake.books
        series = self._intake.gate.current
        return {
            "state": self._lifecycle.state.value,
            "uptime_s": self._lifecycle.uptime_s,
            "version": __version__,
            "http": self._web,
            "series": None
            if series is None
            else {"series": series, "accounting": accounting_map(books.snapshot(series))},
            "totals": accounting_map(books.totals()),
            **self._pulse.figures(),
            **self._steering.figures(),
            **({} if self._compute is None else self._compute.describe()),
        }

    def config(self) -> dict[str, Any]:
        return {
            "config": self._settings.model_dump(mode="json"),
            "sources": self._sources,
            "hash": config_hash(self._settings),
        }

    def metrics(self, *, percentiles: bool) -> dict[str, Any]:
        """Return what `status` does, and the figures of every frame, queue and thread."""
        return {
            **self.status(),
            "ingest": self._settings.ingest.endpoint,
            "alarms": self._steering.fired(),
            **self._measures.figures(percentiles=percentiles),
        }

    def preview(self, request: Preview) -> dict[str, Any]:
        return self._previews.answer(request)

    def set_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change live settings, all of them or (ConfigError) none."""
        compute = self._warm_compute()
        self._settings = apply_live(self._settings, values)
        self._sources |= dict.fromkeys(values, "control")
        hashed = config_hash(self._settings)
        compute.apply(self._settings, config_hash=hashed)
        return {"values": dict(values), "hash": hashed}

    def name(self, community: int, name: str | None) -> dict[str, Any]:
        self._warm_compute().name(community, name)
        self._steering.settle()
        return {"community": community, "name": name}

    def reference(self) -> dict[str, Any]:
        """Keep the newest frame's communities as the reference state."""
        kept = self._warm_compute().reference()
        self._steering.settle()
        return {"communities": list(kept)}

    def targets(self, request: Targets) -> dict[str, Any]:
        return self._steering.targets(request, self._warm_compute().identities)

    def visited(self, request: VisitedPoints) -> dict[str, Any]:
        return self._steering.visited(request)

    def rules(self, request: RulesRequest) -> dict[str, Any]:
        """List or change the rules; `config` then shows those in force."""
        reply = self._steering.change_rules(request)
        if request.action != "list":
            self._settings = self._settings.model_copy(update={"rules": self._steering.rules})
            self._sources["rules"] = "control"
        return reply

    def reset(self) -> dict[str, Any]:
        self._warm_compute().reset(then=self._steering.forget)
        self._steering.settle()
        return {}

    def pause(self) -> dict[str, Any]:
        self._lifecycle.enter(State.PAUSED)
        self._intake.pause()
        self._announce()
        return {"state": self._lifecycle.state.value}

    def resume(self) -> dict[str, Any]:
        # A service that warms may become ready too, but not by a word.
        self._warm_compute()
        self._lifecycle.enter(State.READY)
        self._intake.resume()
        self._announce()
        return {"state": self._lifecycle.state.value}

    def drain(self) -> dict[str, Any]:
        """Finish what was received, then stop: the process ends."""
        self._lifecycle.request_stop()
        return {"state": State.DRAINING.value}

    def _warm_compute(self) -> Compute:
        if self._compute is None:
            raise ServiceError(
                f"The service is {self._lifecycle.state.value}: ask again once it is ready."
            )
        return self._compute
