"""A leaf or a bolt that takes its time from one end to the other."""
import asyncio


class Leaf:
    """Where it is between 0 (closed) and 1 (open), and its way to one of the ends."""

    def __init__(self, seconds):
        # From one end to the other.
        self.seconds = seconds
        self.target = None
        self._place = 0.0
        self._started = 0.0
        self._task = None

    @property
    def place(self):
        if self.target is None:
            return self._place
        gone = (asyncio.get_running_loop().time() - self._started) / self.seconds
        return min(self._place + gone, 1.0) if self.target else max(self._place - gone, 0.0)

    @property
    def is_closed(self):
        return self.place == 0.0

    @property
    def is_open(self):
        return self.place == 1.0

    def move(self, target, arrived=lambda: None):
        """Starts towards an end, from wherever it is; gives the seconds that this takes."""
        self.stop()
        seconds = abs(target - self._place) * self.seconds
        loop = asyncio.get_running_loop()
        self.target, self._started = target, loop.time()
        self._task = loop.create_task(self._travel(seconds, arrived))
        return seconds

    def stop(self):
        """Stops where it is. Whoever would have heard of its arrival does not."""
        self._place, self.target = self.place, None
        if self._task:
            self._task.cancel()
            self._task = None

    async def _travel(self, seconds, arrived):
        await asyncio.sleep(seconds)
        self._place, self.target, self._task = float(self.target), None, None
        arrived()
