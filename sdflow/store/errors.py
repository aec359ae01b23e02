"""What can go wrong with a store, in a user's words."""

import errno
import os
from pathlib import Path

from sdflow.problems import Problem, UserError

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM}


class StoreError(UserError):
    """The store cannot keep what it was given.

    A `UserError`, because nothing in a recipe or in sdflow is broken and only the user can make room or
    grant access: it is shown without a traceback. The store stays usable, and whatever it held before is
    still there.
    """

    @classmethod
    def of(cls, error: OSError, root: Path) -> "StoreError":
        """The operating system's refusal as one problem with what to do about it."""
        reason = os.strerror(error.errno) if error.errno else str(error)
        elsewhere = "put the cache elsewhere with --cache or SDFLOW_CACHE"
        if error.errno in _FULL:
            hint = f"make room with `sdflow cache gc`, or {elsewhere}"
            return cls(Problem("SDF501", f"no room is left for results in {root} ({reason})", hint=hint))
        if error.errno == errno.EFBIG:
            hint = f"raise the limit (`ulimit -f`), or {elsewhere}"
            return cls(
                Problem("SDF502", f"a result is larger than a file in {root} may be ({reason})", hint=hint)
            )
        if error.errno in _DENIED:
            hint = f"{elsewhere}, or use --no-cache"
            return cls(Problem("SDF503", f"results cannot be written to {root} ({reason})", hint=hint))
        return cls(Problem("SDF504", f"the cache folder {root} cannot be used ({reason})", hint=elsewhere))


class LostValueError(Exception):
    """A record's value is not there any more, or not what it was: a miss, to be computed again.

    `damaged` tells a blob that changed, which deserves a warning (`problem`), from one that was evicted.
    """

    def __init__(self, key: str, port: str, reason: str, *, damaged: bool) -> None:
        super().__init__(f"{key[:12]}.{port}: {reason}")
        self.key = key
        self.port = port
        self.reason = reason
        self.damaged = damaged

    @property
    def problem(self) -> Problem:
        """For the warning."""
        message = f"the stored value {self.key[:12]}.{self.port} {self.reason}; it is computed again"
        return Problem("SDF505", message, hint="`sdflow cache verify` checks everything that is stored")
