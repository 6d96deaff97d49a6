#!/usr/bin/env python3
"""vendors.py BIN FOLDER [ROUNDS]: what a process of its own costs a vendor.

Starts a broker and a gateway with one vendor, then with four, and says what memory each idle
vendor process has (PSS: what is shared is shared out). Then it restarts one vendor ROUNDS times and
says how long a process takes from its start until it is locked down, as the gateway tells it. In turn with that, how long a process takes that does nothing: `true`.
"""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def configure(folder, broker, count):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(f"{folder}/vendors.d")
    with open(f"{folder}/doorward.toml", "w", encoding="utf-8") as file:
        file.write(
            "[gateway]\ninstance = \"bench\"\ntenant = \"bench\"\ntest = true\n"
            f"state_dir = \"{folder}/state\"\nsocket = \"{folder}/socket\"\n"
        )
    for number in range(count):
        with open(f"{folder}/vendors.d/v{number}.toml", "w", encoding="utf-8") as file:
            file.write(
                "ecosystem = \"zigbee2mqtt\"\n"
                f"[mqtt]\nhost = \"127.0.0.1\"\nport = {broker}\n[settings]\nbase_topic = \"v{number}\"\n"
            )


def main():
    binaries, folder = sys.argv[1], sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 31
    os.makedirs(folder, exist_ok=True)
    broker = free_port()
    with open(f"{folder}/mosquitto.conf", "w", encoding="utf-8") as file:
        file.write(f"listener {broker} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nlog_type error\n")
    env = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin", "RUST_LOG": "error"}
    mosquitto = subprocess.Popen(["mosquitto", "-c", f"{folder}/mosquitto.conf"], env=env)
    memory, locked, nothing = {}, [], []
    try:
        for count in (1, 4):
            config = f"{folder}/{count}"
            configure(config, broker, count)

            def ask(*words):
                out = subprocess.run(
                    [f"{binaries}/doorward", "--config", config, "vendors", *words, "--json"],
                    capture_output=True, text=True, env=env,
                )
                return json.loads(out.stdout) if out.returncode == 0 else None

            def up():
                vendors = ask() or []
                return vendors if len(vendors) == count and all(v["connected"] for v in vendors) else None

            core = subprocess.Popen([f"{binaries}/doorward", "--config", config, "run"], env=env, stderr=subprocess.DEVNULL)
            try:
                deadline = time.monotonic() + 30
                while not (vendors := up()):
                    if time.monotonic() > deadline:
                        sys.exit("the vendors do not come up")
                    time.sleep(0.05)
                # What only the beginning needed is given back by then.
                time.sleep(35)
                memory[count] = [pss(vendor["pid"]) for vendor in vendors], pss(core.pid)
                if count == 4:
                    for _ in range(rounds):
                        before = next(v for v in ask() if v["vendor"] == "v0")["pid"]
                        ask("restart", "v0")
                        while True:
                            vendor = next(v for v in ask() if v["vendor"] == "v0")
                            if vendor.get("pid") not in (None, before) and "ready_ms" in vendor and vendor["connected"]:
                                break
                            time.sleep(0.01)
                        locked.append(vendor["ready_ms"])
                        began = time.monotonic()
                        subprocess.run(["true"], check=True)
                        nothing.append((time.monotonic() - began) * 1e3)
            finally:
                core.send_signal(signal.SIGTERM)
                core.wait()
    finally:
        mosquitto.send_signal(signal.SIGTERM)
        mosquitto.wait()
    print("| idle | MiB (PSS) |\n|---|---|")
    for count, (vendors, core) in memory.items():
        print(f"| a vendor's process, of {count} | {statistics.mean(vendors):.2f} |")
        print(f"| the core, with {count} | {core:.1f} |")
    print("\n| a vendor's process | ms |\n|---|---|")

    def row(words, times):
        times = sorted(times)
        print(f"| {words} | {statistics.median(times):.1f} ({times[0]:.1f}..{times[-1]:.1f}, {len(times)} starts) |")

    row("from its start until it is locked down", locked)
    row("a process that does nothing, from its start to its end", nothing)
    print(f"\nratio of the medians: {statistics.median(locked) / statistics.median(nothing):.1f}")


main()
