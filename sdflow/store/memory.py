"""Decoded values in memory, in front of the disk."""

from collections import OrderedDict
from threading import Lock


class MemoryTier:
    """The values used last, within a budget of bytes. Safe for several threads.

    Values are frozen, so that everybody may hold the same one. What the tier drops may live on with its
    users.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._values: OrderedDict[tuple[str, str], tuple[object, int]] = OrderedDict()
        self._nbytes = 0
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes held now; never more than the budget."""
        return self._nbytes

    def get(self, place: tuple[str, str]) -> object | None:
        """The value of (key, port), or None."""
        with self._lock:
            found = self._values.get(place)
            if found is None:
                return None
            self._values.move_to_end(place)
            return found[0]

    def put(self, place: tuple[str, str], value: object, nbytes: int) -> None:
        """Hold a value of `nbytes`, unless no room can be made by dropping those not used for longest."""
        with self._lock:
            self._drop(place)
            if nbytes > self.budget_bytes:
                return
            while self._nbytes + nbytes > self.budget_bytes:
                self._drop(next(iter(self._values)))
            self._values[place] = (value, nbytes)
            self._nbytes += nbytes

    def drop(self, place: tuple[str, str]) -> None:
        """Forget one value."""
        with self._lock:
            self._drop(place)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._nbytes = 0

    def _drop(self, place: tuple[str, str]) -> None:
        _, nbytes = self._values.pop(place, (None, 0))
        self._nbytes -= nbytes
