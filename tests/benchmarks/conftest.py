"""The benchmarks are scripts beside the package: here they can be imported."""

import sys
from pathlib import Path

# Last, so that no script is taken for a folder of tests.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
