#!/usr/bin/env python3
"""access.py BIN FOLDER [REQUESTS]: what a request costs from the socket to the lock.

Starts a broker, a sink that answers like PutEvents and a gateway with eight locks that believes one
service's key, lets `doorward-access-bench` ask, and then decide alone. Says the load before and
after, since the figures mean little on a busy machine.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

LOCKS = 8


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(path):
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(5)
            asked.connect(path)
            asked.sendall(b"GET /v1/queue HTTP/1.0\r\n\r\n")
            return asked.recv(64).startswith(b"HTTP/1.0 200")
    except OSError:
        return False


def configure(binaries, folder, broker, sink):
    def trust(*words):
        command = [f"{binaries}/doorward", "trust", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    trust("key", f"{folder}/root.key")
    public = trust("key", f"{folder}/service.key").strip()
    place = ("--root", f"{folder}/root.key", "--list", f"{folder}/issuers.jws")
    told = trust(
        "add", *place, "--issuer", "acme.delivery", "--tenant", "bench", "--kid", "bench", f"--public-key={public}"
    )
    main_file = [
        "[gateway]",
        'instance = "bench"',
        'tenant = "bench"',
        "test = true",
        f'state_dir = "{folder}/state"',
        f'socket = "{folder}/socket"',
        "[bus]",
        'kind = "eventbridge"',
        'name = "bench"',
        'region = "eu-central-1"',
        f'endpoint_url = "http://127.0.0.1:{sink}"',
        told[told.index("[trust]") :],
        # No time service keeps a bench's clock.
        "clock_error_ms = 500",
    ]
    vendor = ['ecosystem = "zigbee2mqtt"', "[mqtt]", 'host = "127.0.0.1"', f"port = {broker}"]
    # A lock here is busier than any real one.
    vendor += ["[limits]", "device_per_s = 100000", "device_burst = 1000000"]
    for lock in range(LOCKS):
        identity = f"0x{lock:016x}"
        main_file += ["[[entry]]", f'id = "door-{lock}"', f'roles = {{ lock = "zigbee2mqtt:{identity}" }}']
        vendor += ["[[endpoint]]", f'id = "{identity}"', f'address = "lock-{lock}"']
    os.makedirs(f"{folder}/vendors.d")
    for name, lines in (("doorward", main_file), ("vendors.d/zigbee2mqtt", vendor)):
        with open(f"{folder}/{name}.toml", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    with open(f"{folder}/mosquitto.conf", "w", encoding="utf-8") as file:
        file.write(
            f"listener {broker} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nlog_type error\n"
        )


def main():
    binaries, folder = sys.argv[1:3]
    requests = sys.argv[3] if len(sys.argv) > 3 else "2000"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    broker, http, mqtt, control = (free_port() for _ in range(4))
    configure(binaries, folder, broker, http)
    env = {
        **os.environ,
        "PATH": os.environ["PATH"] + ":/usr/sbin",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "RUST_LOG": "warn",
    }
    print(f"load before: {os.getloadavg()[0]:.2f}", flush=True)
    started = []
    try:
        started.append(subprocess.Popen(["mosquitto", "-c", f"{folder}/mosquitto.conf"], env=env))
        started.append(subprocess.Popen([f"{binaries}/sink", str(http), str(mqtt), str(control)]))
        core = subprocess.Popen([f"{binaries}/doorward", "--config", folder, "run"], env=env)
        started.append(core)
        until = time.monotonic() + 60
        while not answers(f"{folder}/socket"):
            if core.poll() is not None or time.monotonic() > until:
                sys.exit(f"the gateway does not answer (exit status {core.poll()})")
            time.sleep(0.05)
        bench = f"{binaries}/doorward-access-bench"
        wire = [bench, "wire", f"{folder}/socket", str(broker), f"{folder}/service.key", f"{folder}/limit", requests]
        subprocess.run(wire, check=True)
    finally:
        # One after the other, so that the gateway does not see its bus go.
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait()
    print(flush=True)
    subprocess.run([bench, "decide"], check=True)
    print(f"load after: {os.getloadavg()[0]:.2f}", flush=True)


main()
