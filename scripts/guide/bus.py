"""bus.py FOLDER: an emulated bus with a queue behind it. Writes FOLDER/endpoint once it is there, and to
FOLDER/arrived the type and the time of each event that came through."""
import json
import sys
import time

import boto3
from moto.server import ThreadedMotoServer

folder = sys.argv[1]
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
key = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}
events = boto3.client("events", endpoint_url=endpoint, **key)
queues = boto3.client("sqs", endpoint_url=endpoint, **key)
events.create_event_bus(Name="doors")
url = queues.create_queue(QueueName="all")["QueueUrl"]
arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
events.put_rule(Name="all", EventBusName="doors", EventPattern=json.dumps({"source": [{"prefix": "doorward.gateway/"}]}))
events.put_targets(Rule="all", EventBusName="doors", Targets=[{"Id": "all", "Arn": arn}])
with open(f"{folder}/endpoint", "w", encoding="ascii") as file:
    file.write(endpoint)
with open(f"{folder}/arrived", "a", encoding="ascii", buffering=1) as arrived:
    while True:
        for message in queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            arrived.write(f"{json.loads(message['Body'])['detail-type']} {time.time():.3f}\n")
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
