"""How right are the label maps of real micrographs, and how far do they depend on the exposure?

.venv/bin/python benchmarks/quality [--quick] [--pictures DIR] [--weights builtin,random,FILE]
.venv/bin/python benchmarks/quality --probe FILE [FILE ...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import quick_parser
from scopeside.errors import FatalError


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--probe", nargs="+", metavar="WEIGHTS", help="a short look at encoders")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.probe:
            from quality.probe import probe

            for weights in arguments.probe:
                try:
                    probe(weights, Path(folder))
                except FatalError as error:
                    raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
