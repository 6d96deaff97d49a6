#!/usr/bin/env python3
"""devices.py --broker PORT --serial LINK --socket PATH: three doors that nobody has to install.

A front door on zigbee2mqtt, a garage with ratgdo's firmware, a gate on a Modbus board behind the
serial port LINK; all with the travel times of real ones. `scripts/demo/door` operates them over
the Unix socket PATH, which is there as soon as they are: one connection an act, which is a line of
words; the answer is a line with "yes" or "no" and what was done, or why not.
"""
import argparse
import asyncio
import signal
from pathlib import Path

from front_door import FrontDoor
from garage import Garage
from gate import Gate
from refusal import Refusal

# Seconds until the broker has taken the devices.
CONNECT = 20.0
# Seconds in which an act is told.
TELL = 5.0


async def answer(doors, line):
    """The answer to a line of words."""
    words = line.split()
    try:
        match words:
            case ["show"]:
                return "yes " + "\t".join(door.show() for door in doors.values())
            case [name, act, *arguments] if name in doors and len(arguments) <= 1:
                return "yes " + await doors[name].act(act, arguments[0] if arguments else None)
            case _:
                return "no there is no such door or act; --help lists them"
    except Refusal as refusal:
        return f"no {refusal}"
    except ValueError as error:
        return f"no that is no number: {error}"


async def serve(options):
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    front, garage = FrontDoor(loop, options.broker), Garage(loop, options.broker)
    gate = Gate(options.serial)
    doors = {"front": front, "garage": garage, "gate": gate}
    sessions = [front.session, garage.session]

    async def connection(reader, writer):
        line = await asyncio.wait_for(reader.readline(), TELL)
        writer.write((await answer(doors, line.decode(errors="replace"))).encode() + b"\n")
        writer.close()

    try:
        await gate.start()
        for session in sessions:
            session.start()
        for session in sessions:
            await asyncio.wait_for(session.connected.wait(), CONNECT)
        server = await asyncio.start_unix_server(connection, options.socket)
        await end.wait()
        server.close()
    finally:
        for session in sessions:
            session.stop()
        await gate.stop()
        Path(options.socket).unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", type=int, required=True, help="its port on 127.0.0.1")
    parser.add_argument("--serial", required=True, help="the link to make to the gate's port")
    parser.add_argument("--socket", required=True, help="the Unix socket to listen on")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
