"""Where the kernels run in these tests: Triton's interpreter, or a card with TRITON_INTERPRET=0.

Triton looks at the variable when it is imported, so it is set here, before any test module is.
Nothing else in the tests imports Triton (torch does so only to compile for a GPU).
"""

import os

os.environ.setdefault("TRITON_INTERPRET", "1")
