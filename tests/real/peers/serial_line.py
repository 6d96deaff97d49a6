"""A serial line between two pseudo-terminals, whose far end can be pulled out and put back.

The board's program opens the near end as it would open any serial port. Whoever talks to the board
opens the far end, by its path or by a link that plays /dev/serial/by-id/...: pulled out, the link
is gone and an open port sees a hang-up; put back, it is a new port and the link leads to it.

Bytes pass as they come: a pseudo-terminal has no baud rate.
"""
import contextlib
import os
import tty
from pathlib import Path

# Most bytes read at once; a Modbus frame has at most 256.
CHUNK = 4096


class Line:
    """Carries bytes both ways inside an asyncio loop."""

    def __init__(self, loop, link=None):
        self._loop = loop
        self._link = Path(link) if link else None
        # Seconds that bytes of the board take to the far end.
        self.delay = 0.0
        self._near = _Pty(loop, self._from_board)
        self._far = None

    @property
    def near(self):
        """The path that the board opens."""
        return self._near.path

    @property
    def far(self):
        """The path of the far end; None while it is pulled out."""
        return self._far.path if self._far else None

    def plug(self):
        """Puts the far end in, as a new port."""
        if self._far:
            raise ValueError("the line is plugged in already")
        self._far = _Pty(self._loop, self._near.write)
        if self._link:
            self._link.parent.mkdir(parents=True, exist_ok=True)
            new = self._link.with_name(self._link.name + ".new")
            new.unlink(missing_ok=True)
            new.symlink_to(self._far.path)
            new.replace(self._link)

    def unplug(self):
        """Pulls the far end out."""
        if not self._far:
            raise ValueError("the line is unplugged already")
        if self._link:
            self._link.unlink(missing_ok=True)
        self._far.close()
        self._far = None

    def write(self, data):
        """Puts bytes on the line as if the board had sent them."""
        if self._far:
            self._far.write(data)

    def close(self):
        if self._far:
            self.unplug()
        self._near.close()

    def _from_board(self, data):
        if self.delay:
            self._loop.call_later(self.delay, self.write, data)
        else:
            self.write(data)


class _Pty:
    """One pseudo-terminal, of which others open the path."""

    def __init__(self, loop, receive):
        self._loop = loop
        self._receive = receive
        # The second descriptor stays open, so that nobody having the port open is no hang-up.
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        loop.add_reader(self._master, self._readable)

    def write(self, data):
        # A port that nobody reads fills up; a real line loses such bytes too.
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def close(self):
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _readable(self):
        with contextlib.suppress(BlockingIOError):
            self._receive(os.read(self._master, CHUNK))
