"""A progress bar that shows nothing: what the hub's library believes to draw becomes plain byte counts."""

import io
from typing import TYPE_CHECKING, Any

from tqdm import tqdm  # type: ignore[import-untyped]  # its types are a package of their own

if TYPE_CHECKING:
    from sdflow.models.hub_api import Advance


def silent_bar(advance: "Advance | None") -> "type[tqdm[Any]]":
    """A tqdm class that tells `advance` of every update and prints nothing."""

    class SilentBar(tqdm):  # type: ignore[misc]  # untyped, see above
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "file": io.StringIO(), "disable": False})

        def update(self, n: float | None = 1) -> bool | None:
            if advance is not None and n:
                advance(int(n))
            shown: bool | None = super().update(n)
            return shown

    return SilentBar
