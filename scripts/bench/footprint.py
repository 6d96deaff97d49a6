#!/usr/bin/env python3
"""footprint.py BIN FOLDER [RATE SECONDS]: what one gateway costs while events flow.

Starts a broker, a sink and a gateway, publishes at RATE for SECONDS, and prints one JSON line:
PSS of each process idle and under load, CPU and bytes written to disk per event, what the same
events' bytes are, and how long events take from the device to the bus's answer. With FOLLOW=1
also how long they take until they are durable, which costs the gateway some work of its own.
Sizes in MiB, CPU in microseconds.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")


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


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def written(pid):
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        for line in file:
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
    return 0


def main():
    binaries, folder = sys.argv[1], sys.argv[2]
    rate = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    seconds = int(sys.argv[4]) if len(sys.argv) > 4 else 10
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    broker, http, mqtt, control = (free_port() for _ in range(4))
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run([sys.executable, f"{here}/configure.py", folder, str(broker), str(http)], check=True)
    with open(f"{folder}/mosquitto.conf", "w", encoding="utf-8") as file:
        file.write(
            f"listener {broker} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
            "max_queued_messages 0\nmax_inflight_messages 1000\nlog_type error\n"
        )
    env = {
        **os.environ,
        "PATH": os.environ["PATH"] + ":/usr/sbin",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "RUST_LOG": "warn",
    }
    started = []
    try:
        started.append(subprocess.Popen(["mosquitto", "-c", f"{folder}/mosquitto.conf"], env=env))
        started.append(subprocess.Popen([f"{binaries}/sink", str(http), str(mqtt), str(control)]))
        time.sleep(1)
        core = subprocess.Popen([f"{binaries}/doorward", "--config", folder, "run"], env=env)
        started.append(core)
        time.sleep(5)
        with open(f"/proc/{core.pid}/task/{core.pid}/children", encoding="ascii") as file:
            vendor = int(file.read().split()[0])
        result = {"rate": rate, "core_pss_idle": pss(core.pid), "vendor_pss_idle": pss(vendor)}

        def ctl(path):
            return urllib.request.urlopen(f"http://127.0.0.1:{control}{path}", timeout=20).read().decode()

        def load(count, rate):
            ctl("/reset?base=0")
            out = subprocess.run(
                [f"{binaries}/mqload", str(broker), str(count), str(rate), "dev/d1/data", "300", "0"],
                check=True, capture_output=True, text=True,
            ).stdout
            deadline = time.time() + 60
            while int(ctl("/count")) < count and time.time() < deadline:
                time.sleep(0.1)
            return out

        load(400, 400)
        time.sleep(3)
        count = rate * seconds
        follow = None
        if os.environ.get("FOLLOW") == "1":
            follow = subprocess.Popen(
                [f"{binaries}/follow", f"{folder}/socket", str(count)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            follow.stderr.readline()
        before = cpu(core.pid), cpu(vendor), written(core.pid)
        load(count, rate)
        # The last marks of delivery wait this long for company.
        time.sleep(3)
        after = cpu(core.pid), cpu(vendor), written(core.pid)
        stats = json.loads(ctl(f"/stats?n={count}"))
        if follow:
            durable = json.loads(follow.communicate()[0])
            result.update({f"journaled_{key}": durable[key] for key in ("uniq", "p50_ms", "p99_ms", "p999_ms")})
        result.update(
            events=count,
            rate_at_bus=stats["mid_rate"],
            lost=stats["lost"],
            p50_ms=stats["p50_ms"],
            p99_ms=stats["p99_ms"],
            p999_ms=stats["p999_ms"],
            core_pss_load=pss(core.pid),
            vendor_pss_load=pss(vendor),
            core_cpu_us_event=(after[0] - before[0]) * 1e6 / count,
            vendor_cpu_us_event=(after[1] - before[1]) * 1e6 / count,
            bytes_written_event=(after[2] - before[2]) / count,
        )
        sample = subprocess.run(
            [f"{binaries}/doorward", "--config", folder, "events", "--type", "entry.position_changed", "--limit", "1", "--json"],
            check=True, capture_output=True, text=True, env=env,
        ).stdout
        detail = len(json.dumps(json.loads(sample)["event"], separators=(",", ":")))
        result.update(detail_bytes=detail, written_over_detail=result["bytes_written_event"] / detail)
        result["load1"] = os.getloadavg()[0]
        print(json.dumps({key: round(value, 2) if isinstance(value, float) else value for key, value in result.items()}))
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait()


main()
