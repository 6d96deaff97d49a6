#!/usr/bin/env python3
"""bus.py make PORT PATTERN | take PORT QUEUE FILE | slow PORT QUEUE SECONDS: the bus of the demo, as its other users see it.

make: an event bus "doors" at moto's PORT, and queues that rules fill: "service" with all events of
gateways, "delivery", "standby" and "thief" with what PATTERN lets through, "requests" with what the delivery
service asks of the gateway, "copies" with the same. take: takes what has arrived in a queue and
appends each event as it came, one a line, to FILE. slow: what is put into the queue comes out so
much later.
"""
import json
import sys

import boto3
from botocore.config import Config

BUS = "doors"
REGION, ACCOUNT = "eu-central-1", "123456789012"
TO_GATEWAY = {
    "source": [{"prefix": "acme.delivery/"}],
    "detail-type": ["grant.issued", "grant.revoked", "entry.unlock_requested"],
    "detail": {"data": {"gateway": ["demo-gateway"]}},
}


def patterns(delivery):
    return {
        "service": {"source": [{"prefix": "doorward.gateway/"}]},
        "delivery": delivery,
        "standby": delivery,
        "thief": delivery,
        "requests": TO_GATEWAY,
        "copies": TO_GATEWAY,
    }


def policy(queue):
    """Only this bus's rule may fill it."""
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{BUS}/{queue}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn(queue),
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def arn(queue):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


def client(service, port):
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",
        config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2}),
    )


def make(port, delivery):
    events, queues = client("events", port), client("sqs", port)
    events.create_event_bus(Name=BUS)
    queues.create_queue(QueueName="dead")
    for name, pattern in patterns(json.loads(delivery)).items():
        queues.create_queue(QueueName=name, Attributes={"Policy": policy(name)})
        events.put_rule(Name=name, EventBusName=BUS, EventPattern=json.dumps(pattern))
        targets = [{"Id": "queue", "Arn": arn(name)}]
        answer = events.put_targets(Rule=name, EventBusName=BUS, Targets=targets)
        if answer["FailedEntryCount"]:
            raise SystemExit(f"bus.py: {answer['FailedEntries']}")


def address(queues, queue):
    return queues.get_queue_url(QueueName=queue)["QueueUrl"]


def take(port, queue, path):
    queues = client("sqs", port)
    url = address(queues, queue)
    with open(path, "a", encoding="utf-8") as file:
        while messages := queues.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages"):
            for message in messages:
                file.write(message["Body"].replace("\n", " ") + "\n")
            file.flush()
            taken = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                for index, message in enumerate(messages)
            ]
            queues.delete_message_batch(QueueUrl=url, Entries=taken)


def slow(port, queue, seconds):
    queues = client("sqs", port)
    delay = {"DelaySeconds": seconds}
    queues.set_queue_attributes(QueueUrl=address(queues, queue), Attributes=delay)


def main():
    match sys.argv[1:]:
        case ["make", port, pattern]:
            make(int(port), pattern)
        case ["take", port, queue, path]:
            take(int(port), queue, path)
        case ["slow", port, queue, seconds]:
            slow(int(port), queue, seconds)
        case _:
            raise SystemExit(__doc__.strip())


if __name__ == "__main__":
    main()
