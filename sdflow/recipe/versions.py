"""The steps between versions of the recipe format, oldest first.

There is one version, so there are none. The one that leads to version 2 will be `Step(1, "…", function)` here, together
with `FORMAT_VERSION = 2`.
"""

from sdflow.recipe.migration import Step

STEPS: tuple[Step, ...] = ()
