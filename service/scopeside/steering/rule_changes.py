"""What was changed of the configured rules while the service ran, so that a restart can do so too.

Changes are kept and not the rules in force: a rule that is written into the configuration later
holds beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scopeside.errors import ConfigError
from scopeside.rule_settings import Rule, rule_from


class RuleChanges:
    """Rules that were set, and names of those removed; one thread changes them."""

    def __init__(self, set_: Iterable[Rule] = (), removed: Iterable[str] = ()) -> None:
        self._set = {rule.name: rule for rule in set_}
        self._removed = set(removed)

    @classmethod
    def from_map(cls, fields: Mapping[str, Any]) -> RuleChanges:
        """Return what `as_map` wrote; ConfigError, KeyError or TypeError for anything else."""
        removed = fields["removed"]
        if not all(isinstance(name, str) for name in removed):
            raise ConfigError("A rule that was removed has no name.")
        return cls([rule_from(rule) for rule in fields["set"]], removed)

    def as_map(self) -> dict[str, Any]:
        """Return the changes as the state file holds them."""
        return {
            "set": [rule_map(rule) for rule in list(self._set.values())],
            "removed": sorted(self._removed),
        }

    def set(self, rule: Rule) -> None:
        """Note that a rule was set."""
        self._set[rule.name] = rule
        self._removed.discard(rule.name)

    def remove(self, name: str) -> None:
        """Note that a rule was removed."""
        self._set.pop(name, None)
        self._removed.add(name)

    def applied(self, configured: Iterable[Rule]) -> tuple[Rule, ...]:
        """Return the configured rules with the changes made to them."""
        kept = {rule.name: rule for rule in configured if rule.name not in self._removed}
        return tuple((kept | self._set).values())


def rule_map(rule: Rule) -> dict[str, Any]:
    """Return a rule as a table: without what is absent."""
    table: dict[str, Any] = rule.model_dump(mode="json", exclude_none=True)
    return table
