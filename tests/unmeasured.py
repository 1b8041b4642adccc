"""The environment of a process in which coverage is not measured.

Before Python 3.12 the tracer is told of every line of every library too, which makes a process half
as slow again. For programs whose lines of ours other tests run as well.
"""

from __future__ import annotations

import os


def unmeasured() -> dict[str, str]:
    """Return ours without what starts coverage in a child."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}
