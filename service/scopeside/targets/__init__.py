"""What to visit next; NumPy is all it needs.

The service's command `targets` and the client's label maps choose points of a community with
`choose`. `farthest_first` orders regions by how little they look like those before them.
"""

from scopeside.targets.choose import choose
from scopeside.targets.target import STRATEGIES, Strategy, Target
from scopeside.targets.unlike import farthest_first

__all__ = ["STRATEGIES", "Strategy", "Target", "choose", "farthest_first"]
