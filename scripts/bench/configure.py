#!/usr/bin/env python3
"""configure.py FOLDER BROKER_PORT SINK_PORT [DOORS]: a gateway's configuration for the benchmark.

One contact sensor per door, as benches/load's mqload simulates them under the topic prefix
`dev`; events go to a sink that answers like PutEvents.
"""
import os
import sys


def main():
    folder, broker, sink = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    doors = int(sys.argv[4]) if len(sys.argv) > 4 else 200
    os.makedirs(f"{folder}/vendors.d", exist_ok=True)
    main_file = [
        "[gateway]",
        'instance = "bench"',
        'tenant = "bench"',
        "test = true",
        f'state_dir = "{folder}/state"',
        f'socket = "{folder}/socket"',
        # No time service keeps a bench's clock.
        "[trust]",
        "clock_error_ms = 500",
        "[bus]",
        'kind = "eventbridge"',
        'name = "bench"',
        'region = "eu-central-1"',
        f'endpoint_url = "http://127.0.0.1:{sink}"',
    ]
    vendor = [
        'ecosystem = "zigbee2mqtt"',
        "[mqtt]",
        'host = "127.0.0.1"',
        f"port = {broker}",
        "[settings]",
        'base_topic = "dev"',
        # One device stands for many here.
        "[limits]",
        "device_per_s = 100000",
        "device_burst = 1000000",
        "per_s = 100000",
        "burst = 1000000",
    ]
    for door in range(doors):
        identity = f"0x{door:016x}"
        main_file += ["[[entry]]", f'id = "door-{door:03}"', f'roles = {{ position = "zigbee2mqtt:{identity}" }}']
        vendor += ["[[endpoint]]", f'id = "{identity}"', f'address = "door-{door:03}"']
    with open(f"{folder}/doorward.toml", "w", encoding="utf-8") as file:
        file.write("\n".join(main_file) + "\n")
    with open(f"{folder}/vendors.d/zigbee2mqtt.toml", "w", encoding="utf-8") as file:
        file.write("\n".join(vendor) + "\n")


main()
