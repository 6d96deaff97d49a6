#!/usr/bin/env python3
"""bus.py make PORT | take PORT FILE: the bus of the demo, as its other users see it.

make: an event bus "doors" at moto's PORT, and a service's queue that a rule fills with all events
of gateways. take: takes what has arrived in the queue and appends each event as it came, one a
line, to FILE.
"""
import json
import sys

import boto3
from botocore.config import Config

BUS, QUEUE = "doors", "service"
REGION, ACCOUNT = "eu-central-1", "123456789012"
ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}"
PATTERN = {"source": [{"prefix": "doorward.gateway/"}]}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": ARN,
            "Condition": {
                "ArnEquals": {
                    "aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{BUS}/{QUEUE}"
                }
            },
        }
    ],
}


def client(service, port):
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",
        config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2}),
    )


def make(port):
    events, queues = client("events", port), client("sqs", port)
    events.create_event_bus(Name=BUS)
    queues.create_queue(QueueName=QUEUE, Attributes={"Policy": json.dumps(POLICY)})
    events.put_rule(Name=QUEUE, EventBusName=BUS, EventPattern=json.dumps(PATTERN))
    targets = [{"Id": "queue", "Arn": ARN}]
    answer = events.put_targets(Rule=QUEUE, EventBusName=BUS, Targets=targets)
    if answer["FailedEntryCount"]:
        raise SystemExit(f"bus.py: {answer['FailedEntries']}")


def take(port, path):
    queues = client("sqs", port)
    url = queues.get_queue_url(QueueName=QUEUE)["QueueUrl"]
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


def main():
    match sys.argv[1:]:
        case ["make", port]:
            make(int(port))
        case ["take", port, path]:
            take(int(port), path)
        case _:
            raise SystemExit(__doc__.strip())


if __name__ == "__main__":
    main()
