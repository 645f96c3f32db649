"""Persistent identities of communities."""

from scopeside.stages.identity.tracker import IdentityTracker

__all__ = ["IdentityTracker"]
