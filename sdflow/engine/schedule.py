"""Which nodes of a plan can run now: bookkeeping in time proportional to nodes and wires."""

from collections import deque
from collections.abc import Sequence

from sdflow.graph.plan import Plan


class Schedule:
    """Nodes of a plan that are left, and what each still waits for.

    host: host nodes that can run now. Device nodes keep the plan's order: `next_device` gives the next one when it can
    run, and None when it waits for a host node, or when none is left.
    """

    def __init__(self, plan: Plan) -> None:
        nodes = plan.graph.nodes
        running = frozenset(plan.order)
        self.left: dict[int, None] = dict.fromkeys(plan.order)
        self.host: deque[int] = deque()
        self._is_host = {number for number in plan.order if nodes[number].node.lane == "host"}
        self._devices = deque(number for number in plan.order if number not in self._is_host)
        self._waiting = {n: {wire.node for _, wire in nodes[n].inputs} & running for n in plan.order}
        self._followers: dict[int, list[int]] = {}
        for number, waiting in self._waiting.items():
            for other in waiting:
                self._followers.setdefault(other, []).append(number)
            if not waiting and number in self._is_host:
                self._start(number)

    @property
    def devices_left(self) -> Sequence[int]:
        """Device nodes that have not begun, in their order."""
        return self._devices

    def next_device(self) -> int | None:
        """Take the next device node, if it can run now."""
        while self._devices and self._devices[0] not in self.left:
            self._devices.popleft()
        if not self._devices or self._waiting[self._devices[0]]:
            return None
        number = self._devices.popleft()
        del self.left[number]
        return number

    def done(self, number: int) -> None:
        """A node's results are there: what waited for them alone can run."""
        for follower in self._followers.get(number, ()):
            self._waiting[follower].discard(number)
            if not self._waiting[follower] and follower in self._is_host and follower in self.left:
                self._start(follower)

    def give_up(self, number: int) -> list[int]:
        """A node failed: everything after it is taken out; what that is, in the plan's order."""
        lost: dict[int, None] = {}
        stack = [number]
        while stack:
            for follower in self._followers.get(stack.pop(), ()):
                if follower in self.left and follower not in lost:
                    lost[follower] = None
                    stack.append(follower)
        for follower in lost:
            del self.left[follower]
        return sorted(lost)

    def _start(self, number: int) -> None:
        self.host.append(number)
        del self.left[number]
