"""`python -m scopeside` is the `scopeside` command."""

from __future__ import annotations

import sys

from scopeside.cli import main

if __name__ == "__main__":
    sys.exit(main())
