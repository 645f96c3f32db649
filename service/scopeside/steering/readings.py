"""What a rule reads off a segmentation: figures of communities and fronts, by whose they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from scopeside.messages import Community, Identity, Segmentation
from scopeside.rule_settings import (
    CommunityRef,
    CommunityRule,
    DescriptorRule,
    FrontRule,
    PresenceRule,
    Rule,
)

Subject = int | str | tuple[int, int] | None
"""Whose a figure is: a community's id, a name, a pair of ids, or the service's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A figure of one subject; None where it could not be measured in this frame."""

    subject: Subject
    value: float | None
    community: int | None = None
    name: str | None = None
    between: tuple[int, int] | None = None


class Presence:
    """Which communities of a series count as there: one missing from a frame or two still does.

    It vanishes when the tracker says so, in the event `community`.
    """

    def __init__(self) -> None:
        self._here: dict[int, bool] = {}
        self._names: dict[int, str | None] = {}

    @property
    def known(self) -> tuple[int, ...]:
        """Everybody who was there in this series."""
        return tuple(sorted(self._here))

    def see(self, segmentation: Segmentation) -> None:
        """Take in the next frame of the series."""
        identified = segmentation.identified
        for id_ in identified.vanished:
            self._here[id_] = False
        for identity in identified.identities:
            self._here[identity.id], self._names[identity.id] = True, identity.name

    def here(self, id_: int) -> bool:
        return self._here.get(id_, False)

    def name(self, id_: int) -> str | None:
        return self._names.get(id_)

    def bears(self, name: str) -> bool:
        """Whether anybody has a name, who is there or is gone: if not, it was taken away."""
        return name in self._names.values()

    def named(self, name: str) -> tuple[int, ...]:
        """Return who is there under a name."""
        return tuple(id_ for id_ in self.known if self.here(id_) and self._names[id_] == name)


def readings(
    rule: Rule, segmentation: Segmentation, known: Collection[Subject], presence: Presence
) -> Iterator[Reading]:
    """Give the figures that a rule watches in a frame.

    `known` are the subjects of earlier frames of the series: those that are gone are read too.
    """
    if isinstance(rule, FrontRule):
        yield from _of_fronts(rule, segmentation, known)
    elif isinstance(rule, PresenceRule):
        yield from _of_presence(rule, presence)
    elif isinstance(rule, CommunityRule | DescriptorRule):
        yield from _of_communities(rule, segmentation, known, presence)


def _of_communities(
    rule: CommunityRule | DescriptorRule,
    segmentation: Segmentation,
    known: Collection[Subject],
    presence: Presence,
) -> Iterator[Reading]:
    """Read figures of communities; those that share the name asked for are one."""
    groups: dict[Subject, list[Community]] = {}
    for one in segmentation.communities:
        if _is(one.identity, rule.community):
            subject: Subject = one.identity.id
            if isinstance(rule.community, str):
                subject = rule.community
            groups.setdefault(subject, []).append(one)
    for subject, group in groups.items():
        foremost = max(group, key=lambda one: one.area_px).identity
        yield Reading(
            subject=subject,
            value=_figure(rule, group),
            community=foremost.id,
            name=foremost.name,
        )
    for gone in known:
        if gone not in groups:
            # A community that is gone has no part of the frame, and nothing else to measure. One
            # that is called otherwise now is not gone, and nothing is known of its old name.
            lost = not isinstance(gone, str) or presence.bears(gone)
            yield Reading(
                subject=gone,
                value=0.0 if rule.watch == "fraction" and lost else None,
                community=gone if isinstance(gone, int) else None,
                name=gone if isinstance(gone, str) else None,
            )


def _figure(rule: CommunityRule | DescriptorRule, group: list[Community]) -> float | None:
    if rule.watch == "fraction":
        return sum(one.fraction for one in group)
    values = [
        (
            one.confidence if isinstance(rule, CommunityRule) else one.descriptors.get(rule.figure),
            one.area_px,
        )
        for one in group
    ]
    measured = [(value, area_px) for value, area_px in values if value is not None]
    area_px = sum(area_px for _, area_px in measured)
    return sum(value * area_px for value, area_px in measured) / area_px if area_px else None


def _of_presence(rule: PresenceRule, presence: Presence) -> Iterator[Reading]:
    """Read who is there, 1, and who is not, 0."""
    if isinstance(rule.community, str):
        ids = presence.named(rule.community)
        # A name that was taken away has not vanished with its community.
        unknown = rule.watch == "vanishes" and not presence.bears(rule.community)
        yield Reading(
            subject=rule.community,
            value=None if unknown else float(bool(ids)),
            community=ids[0] if ids else None,
            name=rule.community,
        )
        return
    every = presence.known if rule.community is None else (rule.community,)
    for id_ in every:
        yield Reading(
            subject=id_,
            value=float(presence.here(id_)),
            community=id_,
            name=presence.name(id_),
        )


def _of_fronts(
    rule: FrontRule, segmentation: Segmentation, known: Collection[Subject]
) -> Iterator[Reading]:
    """Read a figure of fronts; of two that are named, from the first to the second."""
    identities = {one.identity.id: one.identity for one in segmentation.communities}
    read: set[Subject] = set()
    for front in segmentation.fronts:
        one, other = (identities.get(id_) for id_ in front.between)
        sense = None if one is None or other is None else _sense(rule.between, one, other)
        if sense is None:
            continue
        read.add(front.between)
        value = getattr(front, rule.figure)
        if value is not None and rule.figure.startswith(("position", "speed")):
            value *= sense
        yield Reading(subject=front.between, value=value, between=front.between)
    for gone in known:
        if gone not in read and isinstance(gone, tuple):
            yield Reading(subject=gone, value=None, between=gone)


def _sense(
    asked: tuple[CommunityRef, CommunityRef] | None, one: Identity, other: Identity
) -> int | None:
    """Return 1 for a front in the order asked for, -1 for the other, None for another front."""
    if asked is None:
        return 1
    first, second = asked
    if _is(one, first) and _is(other, second):
        return 1
    return -1 if _is(one, second) and _is(other, first) else None


def _is(identity: Identity, community: CommunityRef | None) -> bool:
    """Whether an identity is the one that a rule means; None means any."""
    if community is None:
        return True
    return community == (identity.name if isinstance(community, str) else identity.id)
