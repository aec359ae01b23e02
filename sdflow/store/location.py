"""Where results are kept, and how much of the disk they may take."""

from collections.abc import Mapping
from pathlib import Path

GIGABYTE = 1_000_000_000


def cache_root(explicit: Path | None, environ: Mapping[str, str]) -> Path:
    """The folder of the store: `--cache`, else `SDFLOW_CACHE`, else the platform's user cache folder."""
    if explicit is not None:
        return explicit.expanduser().absolute()
    if named := environ.get("SDFLOW_CACHE"):
        return Path(named).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("sdflow", appauthor=False)


def default_limit(root: Path) -> int:
    """Bytes that a store may take when nobody said: 20 GB, but no more than a tenth of the disk.

    A tenth, because caches live on the system's disk, and a machine whose system disk is full is a broken
    one.
    """
    import shutil

    existing = next((folder for folder in (root, *root.parents) if folder.is_dir()), None)
    if existing is None:
        return 20 * GIGABYTE
    return min(20 * GIGABYTE, shutil.disk_usage(existing).total // 10)
