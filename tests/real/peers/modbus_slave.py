#!/usr/bin/env python3
"""Relay and input boards on a Modbus RTU line, by pymodbus: doors that move, faults on order.

    modbus_slave.py [--units 1,2] [--link PATH | --port PATH] [--baud 9600] [--parity N]

The server, its framing and its answers are pymodbus's. Without --port the line is a pair of
pseudo-terminals (serial_line.py), and --link names a link that leads to its far end. Each unit has
coils 0..15 and inputs 0..15; input 0 is a closed limit and is on at the start, input 1 an open
limit. Units that are not listed are silent, as on a real bus; broadcasts are not carried out.

Orders are JSON objects on standard input, one a line; its end ends the program. `unit` is 1 where
it is left out.

    {"do": "inputs", "unit": 1, "set": {"0": true, "1": false}}
    {"do": "move", "unit": 1, "to": "open", "seconds": 2.5, "closed": 0, "open": 1}
        the limit that is left goes off at once, the other comes on after the travel. `closed` and
        `open` name the inputs, null where there is none. A new move replaces one under way, and
        one to where the door is arrives at once.
    {"do": "stop", "unit": 1}              the door stops where it is, between the limits
    {"do": "dead", "unit": 1}              hears nothing and says nothing
    {"do": "alive", "unit": 1}
    {"do": "lose_off", "unit": 1, "n": 2}  the next n writes of OFF are not carried out or answered
    {"do": "stuck", "unit": 1, "coil": 0}  the coil is set from outside, to `on` (true)
    {"do": "exception", "unit": 1, "code": 4}  every request is answered with it; null ends that
    {"do": "silence", "on": true}          no unit hears or says anything; false ends that
    {"do": "garbage", "hex": "00ff", "when": "both"}  on the line `now`, in front of the next answer
        (`answer`), or `both`
    {"do": "corrupt", "n": 1}              the next n answers have a wrong checksum
    {"do": "delay", "seconds": 0.5}        answers come that much later; 0 ends that
    {"do": "unplug"}                       the far end is pulled out: hang-up, the link is gone
    {"do": "replug"}                       the far end is a new port, to which the link leads
    {"do": "report", "unit": 1}            says how the unit is

It says on standard output, one a line; `at` is CLOCK_MONOTONIC in seconds, and beside it stands
`time`, CLOCK_REALTIME:

    {"event": "ready", "at": ..., "port": "/dev/pts/5", "link": "..."}   once; also after replug,
                                                                         as "plugged"
    {"event": "done", "do": "move", "at": ...}              an order is in force
    {"event": "error", "message": "..."}                    an order that cannot be
    {"event": "moved", "unit": 1, "to": "open", "at": ...}  a door has arrived
    {"event": "coil", "unit": 1, "coil": 0, "on": true, "carried_out": true, "at": ...}
                                                            a write that reached the line
    {"event": "unit", "unit": 1, "inputs": [16 booleans], "coils": [...], "requests": 7, "at": ...}
                                           requests: how many for it reached the line, of all kinds
"""
import argparse
import asyncio
import json
import os
import signal
import sys
import threading
import time

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice
from serial_line import Line

WRITE_COIL, WRITE_COILS = 5, 15
READ_INPUTS = 2
# pymodbus keeps bits in registers of this many.
BITS = 16


def tell(event, **members):
    """Says one thing. Nobody listening any more is the end."""
    try:
        said = {"event": event, "at": time.monotonic(), "time": time.time(), **members}
        print(json.dumps(said), flush=True)
    except BrokenPipeError:
        # The interpreter would try to flush once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        signal.raise_signal(signal.SIGTERM)


def word(bits):
    """A register's value for these bits, the lowest first."""
    return sum(on << index for index, on in enumerate(bits))


class Unit:
    """One board."""

    def __init__(self, number):
        self.number = number
        self.coils = [False] * BITS
        self.inputs = [True] + [False] * (BITS - 1)
        self.requests = 0
        self.dead = False
        self.offs_to_lose = 0
        self.exception = None
        # By the inputs of a door, the move under way.
        self.moves = {}

    def device(self):
        """The board as pymodbus knows it: what it holds comes from here at each request."""
        bits = [SimData(0, values=[False] * BITS, datatype=DataType.BITS)]
        none = [SimData(0, datatype=DataType.INVALID)]
        return SimDevice(self.number, simdata=(bits, list(bits), none, list(none)), action=self.act)

    async def act(self, function, _start, address, _count, registers, values):
        """pymodbus carries a request out."""
        if self.exception:
            if values is not None:
                self.told(address, values, carried_out=False)
            return self.exception
        if function == READ_INPUTS:
            registers[0] = word(self.inputs)
        elif values is None:
            registers[0] = word(self.coils)
        elif function in (WRITE_COIL, WRITE_COILS):
            self.coils[address:address + len(values)] = values
            self.told(address, values, carried_out=True)
        return None

    def told(self, address, values, *, carried_out):
        for coil, on in enumerate(values, address):
            tell("coil", unit=self.number, coil=coil, on=bool(on), carried_out=carried_out)

    def hears(self, request, silent):
        """Whether a request on the line is for pymodbus to answer."""
        self.requests += 1
        writes = request.function_code in (WRITE_COIL, WRITE_COILS)
        lost = self.dead or silent
        if not lost and writes and not any(request.bits) and self.offs_to_lose:
            self.offs_to_lose -= 1
            lost = True
        if lost and writes:
            self.told(request.address, request.bits, carried_out=False)
        return not lost

    def move(self, to, seconds, closed, opened):
        """Starts a door towards a limit."""
        limits = {"closed": closed, "open": opened}
        self.stop((closed, opened))
        arrival = limits.pop(to)
        (left,) = limits.values()
        if left is not None:
            self.inputs[left] = False
        if arrival is not None and self.inputs[arrival]:
            seconds = 0
        travel = self.travel(to, seconds, arrival)
        self.moves[closed, opened] = asyncio.get_running_loop().create_task(travel)

    async def travel(self, to, seconds, arrival):
        await asyncio.sleep(seconds)
        if arrival is not None:
            self.inputs[arrival] = True
        tell("moved", unit=self.number, to=to)

    def stop(self, door=None):
        """Stops one door's move, or all."""
        for key in [door] if door else list(self.moves):
            move = self.moves.pop(key, None)
            if move:
                move.cancel()


class Boards:
    """All boards of a line, and what is wrong with it."""

    def __init__(self, units, line):
        self.units = {number: Unit(number) for number in units}
        self.line = line
        self.silent = False
        self.garbage = b""
        self.to_corrupt = 0

    def pdu(self, sending, pdu):
        """pymodbus's hook: a request that it does not get back is not handled."""
        if sending:
            return pdu
        unit = self.units.get(pdu.dev_id)
        return pdu if unit and unit.hears(pdu, self.silent) else None

    def packet(self, sending, data):
        """pymodbus's hook: bytes on their way from and to the line."""
        if not sending:
            return data
        if self.to_corrupt:
            self.to_corrupt -= 1
            data = data[:-1] + bytes([data[-1] ^ 0xFF])
        garbage, self.garbage = self.garbage, b""
        return garbage + data

    def obey(self, order):
        """Carries an order out. What is missing or wrong in it raises."""
        match order["do"]:
            case "silence":
                self.silent = bool(order.get("on", True))
            case "garbage":
                garbage, when = bytes.fromhex(order["hex"]), order.get("when", "both")
                if when not in ("now", "answer", "both"):
                    raise ValueError(f"when: {when}")
                if when != "now":
                    self.garbage = garbage
                if when != "answer":
                    self.wire().write(garbage)
            case "corrupt":
                self.to_corrupt = int(order.get("n", 1))
            case "delay":
                self.wire().delay = float(order["seconds"])
            case "unplug":
                self.wire().unplug()
            case "replug":
                self.wire().plug()
                tell("plugged", port=self.line.far)
            case _:
                self.obey_unit(self.units[int(order.get("unit", 1))], order)

    @staticmethod
    def obey_unit(unit, order):
        match order["do"]:
            case "inputs":
                for index, on in order["set"].items():
                    unit.inputs[int(index)] = bool(on)
            case "move":
                closed, opened = order.get("closed", 0), order.get("open", 1)
                unit.move(order["to"], float(order.get("seconds", 0)), closed, opened)
            case "stop":
                unit.stop()
            case "dead" | "alive":
                unit.dead = order["do"] == "dead"
            case "lose_off":
                unit.offs_to_lose = int(order.get("n", 1))
            case "stuck":
                unit.coils[int(order["coil"])] = bool(order.get("on", True))
            case "exception":
                code = order.get("code")
                unit.exception = ExcCodes(code) if code else None
            case "report":
                members = {"inputs": unit.inputs, "coils": unit.coils, "requests": unit.requests}
                tell("unit", unit=unit.number, **members)
            case other:
                raise ValueError(f"no such order: {other}")

    def wire(self):
        if not self.line:
            raise ValueError("the port was given: what lies behind it is not ours")
        return self.line


def listen(loop, orders):
    """Reads orders in a thread, so that anything may be the standard input."""
    for text in sys.stdin:
        loop.call_soon_threadsafe(orders.put_nowait, text)
    loop.call_soon_threadsafe(orders.put_nowait, None)


async def serve(options):
    loop = asyncio.get_running_loop()
    orders = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, orders.put_nowait, None)
    line = None if options.port else Line(loop, options.link)
    boards = Boards(options.units, line)
    server = ModbusSerialServer(
        [unit.device() for unit in boards.units.values()],
        framer=FramerType.RTU,
        port=line.near if line else options.port,
        baudrate=options.baud,
        parity=options.parity,
        trace_pdu=boards.pdu,
        trace_packet=boards.packet,
    )
    await server.serve_forever(background=True)
    if line:
        line.plug()
    tell("ready", port=line.far if line else options.port, link=options.link)
    threading.Thread(target=listen, args=(loop, orders), daemon=True).start()
    while (text := await orders.get()) is not None:
        if not text.strip():
            continue
        try:
            order = json.loads(text)
            boards.obey(order)
            tell("done", do=order["do"])
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            tell("error", message=f"{type(error).__name__}: {error}: {text.strip()}")
    await server.shutdown()
    if line:
        line.close()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    numbers = lambda text: [int(number) for number in text.split(",")]  # noqa: E731
    parser.add_argument("--units", type=numbers, default=[1], help="unit ids, as 1,2")
    parser.add_argument("--link", help="a link to the far end, made and managed here")
    parser.add_argument("--port", help="serve on this port instead of a pair of our own")
    parser.add_argument("--baud", type=int, default=9600)
    parser.add_argument("--parity", choices="NEO", default="N")
    asyncio.run(serve(parser.parse_args()))
    # The reading thread may still wait for a line.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
