"""How many examples Hypothesis tries, so that one profile scales them all."""

from hypothesis import settings

_DEFAULT = 100
"""Of Hypothesis, and of the profile `full`."""


def examples(full: int) -> int:
    """Return `full`, scaled by the profile: a tenth of it under `fast`, but 5 at least."""
    return max(5, full * settings.default.max_examples // _DEFAULT)
