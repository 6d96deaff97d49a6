"""A gate on a Modbus board: closed limit on input 0, open limit on input 1, and a relay at coil 0
that is wired to the opener's OPEN terminal. The board is tests/real/peers/modbus_slave.py.
"""
import asyncio
import contextlib
import json
import sys
from pathlib import Path

from leaf import Leaf
from refusal import Refusal

BOARD = Path(__file__).resolve().parents[2] / "tests/real/peers/modbus_slave.py"
# Seconds from end to end.
TRAVEL = 4.0
# Seconds until the board is there.
START = 20.0


class Gate:
    """The leaf, and the board that sees it."""

    def __init__(self, link):
        self._link = link
        self._leaf = Leaf(TRAVEL)
        self._board, self._reading = None, None
        self._plugged, self._powered = True, True

    async def start(self):
        """Starts the board, and waits for its port."""
        self._board = await asyncio.create_subprocess_exec(
            sys.executable, BOARD, "--units", "1", "--link", self._link,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        ready = await asyncio.wait_for(self._board.stdout.readline(), START)
        if not ready:
            raise RuntimeError("the Modbus board did not start")
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def stop(self):
        if self._board and self._board.returncode is None:
            self._board.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                await self._board.wait()

    def show(self):
        leaf = self._leaf
        place = "closed" if leaf.is_closed else "open" if leaf.is_open else "between the limits"
        cable = "" if self._plugged else ", unplugged"
        power = "" if self._powered else ", board without power"
        return f"gate    {place} ({leaf.place * 100:.0f} % open){cable}{power}"

    async def act(self, act, _argument):
        """Does one thing with the gate, and tells what."""
        match act:
            case "open" | "close":
                return self._move(act)
            case "stop":
                if self._leaf.target is None:
                    raise Refusal("it does not move")
                self._leaf.stop()
                self._order("stop")
                return f"the gate stops at {self._leaf.place * 100:.0f} %"
            case "unplug" | "plug":
                if self._plugged == (act == "plug"):
                    raise Refusal("it is so already")
                self._plugged = act == "plug"
                self._order("replug" if self._plugged else "unplug")
                return f"the serial adapter is {'in again' if self._plugged else 'pulled out'}"
            case "dead" | "alive":
                self._powered = act == "alive"
                self._order(act)
                return f"the board is {act}"
            case _:
                raise Refusal(f"the gate knows no {act}")

    def _move(self, act):
        opens = act == "open"
        if self._leaf.is_open if opens else self._leaf.is_closed:
            raise Refusal("it is so already")
        seconds = self._leaf.move(int(opens))
        self._order("move", to="open" if opens else "closed", seconds=seconds)
        return f"the gate goes {'open' if opens else 'shut'}: {seconds:.1f} s"

    def _order(self, order, **members):
        text = json.dumps({"do": order, "unit": 1, **members})
        self._board.stdin.write(text.encode() + b"\n")

    async def _read(self):
        while line := await self._board.stdout.readline():
            told = json.loads(line)
            if told["event"] == "error":
                print(f"the Modbus board: {told['message']}", file=sys.stderr, flush=True)
            # The opener follows a pulse at its terminal unless it is open or on its way there.
            pulse = told["event"] == "coil" and told["coil"] == 0 and told["on"]
            if pulse and told["carried_out"] and self._leaf.target != 1 and not self._leaf.is_open:
                self._move("open")
