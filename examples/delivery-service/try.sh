#!/usr/bin/env bash
# try.sh: the delivery service on this machine, with an emulated bus, its queues and a key that is
# thrown away. Type orders, one JSON object a line; end with Ctrl-C.
#
#   {"do":"schedule","delivery_id":"d-1","tenant_id":"acme","gateway":"gw-1","entry_id":"front-door","subject_ref":"courier-7"}
#
# A gateway must have said what it reads before anything is issued; none does here, so the service
# answers an order with what is missing. The test in tests/story.rs plays the gateway; `make demo`
# has one.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${DOORWARD_PYTHON:-.venv/bin/python}
[ -x "$python" ] || { echo "try.sh: no $python: run \`make tools\` first" >&2; exit 1; }
port=${TRY_PORT:-5000}
folder=$(mktemp -d)
cargo build --quiet --workspace --bin delivery-service
service=${CARGO_TARGET_DIR:-target}/debug/delivery-service

"$python" -m moto.server -H 127.0.0.1 -p "$port" >"$folder/moto.log" 2>&1 &
moto=$!
trap 'kill "$moto"; rm -rf "$folder"' EXIT
openssl genpkey -algorithm ed25519 -out "$folder/key.pem"

RULE=$("$service" rule) PORT=$port "$python" - <<'SETUP'
import os, time, urllib.request
import boto3

endpoint = f"http://127.0.0.1:{os.environ['PORT']}"
for _ in range(100):
    try:
        urllib.request.urlopen(endpoint, timeout=1)
        break
    except OSError:
        time.sleep(0.1)
access = dict(endpoint_url=endpoint, region_name="eu-central-1",
              aws_access_key_id="test", aws_secret_access_key="test")
events, sqs = boto3.client("events", **access), boto3.client("sqs", **access)
events.create_event_bus(Name="doors")
for name in ("delivery", "delivery-dead"):
    sqs.create_queue(QueueName=name)
events.put_rule(Name="delivery", EventBusName="doors", EventPattern=os.environ["RULE"])
arn = "arn:aws:sqs:eu-central-1:123456789012:delivery"
events.put_targets(Rule="delivery", EventBusName="doors", Targets=[{"Id": "queue", "Arn": arn}])
SETUP

echo "try.sh: an emulated bus at http://127.0.0.1:$port; type orders, end with Ctrl-C" >&2
"$service" run --endpoint-url "http://127.0.0.1:$port" --key "$folder/key.pem" \
    --store "$folder/service.db" \
    --queue-url "http://127.0.0.1:$port/123456789012/delivery" \
    --dead-letter-queue-url "http://127.0.0.1:$port/123456789012/delivery-dead"
