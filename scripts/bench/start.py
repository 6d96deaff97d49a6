#!/usr/bin/env python3
"""start.py BIN FOLDER JOURNAL [ROUNDS]: from a gateway's start to its first answer.

The gateway starts on a copy of JOURNAL, in which very many events wait, with a bus that cannot be
reached, so that they go on waiting. Each round starts it anew, its files out of the page cache,
and asks its socket until it answers; then it is killed, so that the next start is after a crash.
"""
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time


def forget(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def answers(path):
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(5)
            asked.connect(path)
            asked.sendall(b"GET /v1/queue HTTP/1.0\r\n\r\n")
            return asked.recv(64).startswith(b"HTTP/1.0 200")
    except OSError:
        return False


def main():
    binaries, folder, journal = sys.argv[1:4]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 7
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(f"{folder}/state", mode=0o700)
    here = os.path.dirname(os.path.abspath(__file__))
    # Port 9 refuses: neither broker nor bus.
    subprocess.run([sys.executable, f"{here}/configure.py", folder, "9", "9"], check=True)
    for ending in ("", "-wal", ".mark"):
        if os.path.exists(journal + ending):
            shutil.copy(journal + ending, f"{folder}/state/journal.db{ending}")
    env = {**os.environ, "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "RUST_LOG": "error"}
    times = {"cold": [], "warm": []}
    for number in range(rounds * 2):
        kind = "cold" if number % 2 == 0 else "warm"
        if kind == "cold":
            for name in os.listdir(f"{folder}/state"):
                forget(f"{folder}/state/{name}")
        began = time.monotonic()
        core = subprocess.Popen([f"{binaries}/doorward", "--config", folder, "run"], env=env, stderr=subprocess.DEVNULL)
        while not answers(f"{folder}/socket"):
            if core.poll() is not None or time.monotonic() - began > 60:
                sys.exit(f"the gateway does not answer (exit status {core.poll()})")
            time.sleep(0.001)
        times[kind].append((time.monotonic() - began) * 1e3)
        core.send_signal(signal.SIGKILL)
        core.wait()
    if any(".damaged" in name or ".foreign" in name for name in os.listdir(f"{folder}/state")):
        sys.exit("the gateway did not take the journal as it was")
    print("| process start to first answer, after a kill -9 | ms |\n|---|---|")
    for kind, words in (("cold", "files not in the page cache"), ("warm", "files in the page cache")):
        of = times[kind]
        print(f"| {words} | {statistics.median(of):.0f} ({min(of):.0f}..{max(of):.0f}, {len(of)} starts) |")


main()
