"""How much memory this process may use."""

import os
from pathlib import Path

_UNLIMITED = 1 << 60
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes", "memory.limit_in_bytes")


def host_memory(cgroups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes of memory of this machine, or of the container that the process is in, where that is less."""
    limits = [limit for folder in _folders(cgroups, membership) if (limit := _limit(folder)) is not None]
    return min([_physical(), *limits])


def _physical() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30  # a system that does not tell; a usual machine is assumed


def _folders(cgroups: Path, membership: Path) -> list[Path]:
    """The process's own control group and all that enclose it: each may limit it."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = [cgroups]
    for line in lines:
        own = line.rpartition(":")[2].strip("/")
        roots = [cgroups, cgroups / "memory"]
        for root in roots:
            folder = root / own
            while own and folder not in (root, root.parent):
                found.append(folder)
                folder = folder.parent
    return found


def _limit(folder: Path) -> int | None:
    for name in _LIMITS:
        try:
            text = (folder / name).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if text.isdigit() and 0 < int(text) < _UNLIMITED:
            return int(text)
    return None
