"""Points of one community to visit next, chosen from a label map; NumPy is all it needs.

The service's command `targets` and the client's label maps choose with this one function.
"""

from scopeside.targets.choose import choose
from scopeside.targets.target import STRATEGIES, Strategy, Target

__all__ = ["STRATEGIES", "Strategy", "Target", "choose"]
