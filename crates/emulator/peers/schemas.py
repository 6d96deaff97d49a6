#!/usr/bin/env python3
"""EventBridge's schema registries as far as publishing schemas needs them, over HTTP.

    schemas.py --port N

Which path means which call, what a request must hold and how long it may be is not written here:
it is read from the service's own description, which botocore carries. Answered are

    CreateRegistry, DescribeRegistry, CreateSchema, DescribeSchema, UpdateSchema,
    ListSchemas, ListSchemaVersions

on registries of one account. Signatures of requests are not checked; what is held is gone at the
end. Content must be JSON, as the service checks it; that it is a schema is not looked at.

    GET /calls                how often each call was answered, refusals included
    POST /fail {"status": 429, "code": "TooManyRequestsException", "times": 2}

has the next calls answered so; it replaces the order before it.
"""
import argparse
import json
import re
import threading
from collections import Counter
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session
from botocore.validate import ParamValidator

ACCOUNT = "123456789012"
REGION = "eu-central-1"
MAX_BODY = 1024 * 1024
MOST_CONNECTIONS = 64
ANSWERED = [
    "CreateRegistry",
    "DescribeRegistry",
    "CreateSchema",
    "DescribeSchema",
    "UpdateSchema",
    "ListSchemas",
    "ListSchemaVersions",
]


class Refusal(Exception):
    """An answer with an error code."""

    def __init__(self, code, message, status):
        super().__init__(message)
        self.code = code
        self.status = status


class Route:
    """One call, as the service's description has it."""

    def __init__(self, operation):
        self.name = operation.name
        self.shape = operation.input_shape
        self.output = operation.output_shape
        self.method = operation.http["method"]
        self.status = operation.http["responseCode"]
        path = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.http["requestUri"])
        self.path = re.compile(path + r"$")

    def request(self, matched, query, body):
        """What is asked for, as one object; a Refusal if it is not as described."""
        wanted = {}
        for name, member in self.shape.members.items():
            place = member.serialization.get("location")
            key = member.serialization.get("name", name)
            if place == "uri":
                wanted[name] = unquote(matched.group(key))
            elif place == "querystring":
                if key in query:
                    text = query[key][0]
                    wanted[name] = int(text) if member.type_name == "integer" else text
            elif key in body:
                wanted[name] = body[key]
        report = ParamValidator().validate(wanted, self.shape)
        if report.has_errors():
            raise Refusal("BadRequestException", report.generate_report(), 400)
        for name, member in self.shape.members.items():
            words = getattr(member, "enum", None)
            if words and name in wanted and wanted[name] not in words:
                raise Refusal("BadRequestException", f"{name} is none of {words}", 400)
            most = member.metadata.get("max")
            if most and isinstance(wanted.get(name), str) and len(wanted[name]) > most:
                raise Refusal("BadRequestException", f"{name} is longer than {most}", 400)
        return wanted

    def answer(self, members):
        """The members that the description knows, by the names that they have on the wire."""
        known = self.output.members
        return {known[k].serialization.get("name", k): v for k, v in members.items() if k in known}


class Registries:
    """What is held: registries, their schemas, and each schema's versions."""

    def __init__(self):
        self._lock = threading.Lock()
        self._held = {}
        self._fail = (500, "InternalServerErrorException", 0)
        self.calls = Counter()

    def order(self, status, code, times):
        with self._lock:
            self._fail = (int(status), str(code), int(times))

    def answer(self, name, request):
        with self._lock:
            self.calls[name] += 1
            status, code, left = self._fail
            if left > 0:
                self._fail = (status, code, left - 1)
                raise Refusal(code, "on demand", status)
            return getattr(self, "_" + name)(request)

    def _registry(self, request):
        name = request["RegistryName"]
        if name not in self._held:
            raise Refusal("NotFoundException", f"Registry {name} does not exist.", 404)
        return self._held[name]

    def _schema(self, request):
        schemas = self._registry(request)["schemas"]
        name = request["SchemaName"]
        if name not in schemas:
            raise Refusal("NotFoundException", f"Schema {name} does not exist.", 404)
        return schemas[name]

    def _CreateRegistry(self, request):
        name = request["RegistryName"]
        if name in self._held:
            raise Refusal("ConflictException", f"Registry {name} exists.", 409)
        arn = f"arn:aws:schemas:{REGION}:{ACCOUNT}:registry/{name}"
        self._held[name] = {"arn": arn, "about": request.get("Description", ""), "schemas": {}}
        return self._DescribeRegistry(request)

    def _DescribeRegistry(self, request):
        held = self._registry(request)
        return {
            "RegistryName": request["RegistryName"],
            "RegistryArn": held["arn"],
            "Description": held["about"],
        }

    def _CreateSchema(self, request):
        schemas = self._registry(request)["schemas"]
        name = request["SchemaName"]
        if name in schemas:
            raise Refusal("BadRequestException", f"Schema {name} exists.", 400)
        content = checked(request["Content"])
        schemas[name] = {
            "about": request.get("Description", ""),
            "type": request["Type"],
            "versions": [(content, now())],
        }
        return self._told(request, with_content=False)

    def _UpdateSchema(self, request):
        schema = self._schema(request)
        if "Content" in request:
            schema["versions"].append((checked(request["Content"]), now()))
        schema["about"] = request.get("Description", schema["about"])
        schema["type"] = request.get("Type", schema["type"])
        return self._told(request, with_content=False)

    def _DescribeSchema(self, request):
        return self._told(request, with_content=True)

    def _told(self, request, with_content):
        schema = self._schema(request)
        number = int(request.get("SchemaVersion", len(schema["versions"])))
        if not 1 <= number <= len(schema["versions"]):
            raise Refusal("NotFoundException", f"There is no version {number}.", 404)
        content, when = schema["versions"][number - 1]
        told = {
            "SchemaName": request["SchemaName"],
            "SchemaVersion": str(number),
            "Description": schema["about"],
            "Type": schema["type"],
            "LastModified": schema["versions"][-1][1],
            "VersionCreatedDate": when,
        }
        return told | ({"Content": content} if with_content else {})

    def _ListSchemas(self, request):
        schemas = self._registry(request)["schemas"]
        prefix = request.get("SchemaNamePrefix", "")
        names = sorted(name for name in schemas if name.startswith(prefix))
        told = [
            {"SchemaName": name, "VersionCount": len(schemas[name]["versions"])} for name in names
        ]
        return paged(request, "Schemas", told)

    def _ListSchemaVersions(self, request):
        schema = self._schema(request)
        told = [
            {"SchemaName": request["SchemaName"], "SchemaVersion": str(i + 1), "Type": schema["type"]}
            for i in range(len(schema["versions"]))
        ]
        return paged(request, "SchemaVersions", told)


def paged(request, member, items):
    start = int(request.get("NextToken", "0"))
    end = start + min(int(request.get("Limit", 100)), 100)
    more = {"NextToken": str(end)} if end < len(items) else {}
    return {member: items[start:end]} | more


def checked(content):
    try:
        json.loads(content)
    except ValueError:
        raise Refusal("BadRequestException", "The content is not JSON.", 400) from None
    return content


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def do_PUT(self):
        self._serve()

    def _serve(self):
        try:
            self._answer(*self._result())
        except Refusal as refusal:
            told = {"Code": refusal.code, "Message": str(refusal)}
            self._answer(refusal.status, told, refusal.code)

    def _result(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            raise Refusal("BadRequestException", "too long", 413)
        text = self.rfile.read(length)
        try:
            body = json.loads(text) if text else {}
        except ValueError:
            raise Refusal("BadRequestException", "no JSON", 400) from None
        if not isinstance(body, dict):
            raise Refusal("BadRequestException", "no object", 400)
        address = urlsplit(self.path)
        registries = self.server.registries
        if address.path == "/calls":
            return 200, dict(registries.calls)
        if address.path == "/fail":
            registries.order(body["status"], body["code"], body["times"])
            return 200, {}
        for route in self.server.routes:
            matched = route.path.match(address.path)
            if matched and route.method == self.command:
                request = route.request(matched, parse_qs(address.query), body)
                return route.status, route.answer(registries.answer(route.name, request))
        raise Refusal("NotFoundException", f"no call {self.command} {address.path}", 404)

    def _answer(self, status, result, code=None):
        body = json.dumps(result).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if code:
            self.send_header("x-amzn-ErrorType", code)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        print(format % arguments, flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port):
        service = botocore.session.get_session().get_service_model("schemas")
        self.routes = [Route(service.operation_model(name)) for name in ANSWERED]
        self.registries = Registries()
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(("127.0.0.1", port), Handler)

    def get_request(self):
        self._places.acquire()
        try:
            return super().get_request()
        except OSError:
            self._places.release()
            raise

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


def main():
    parser = argparse.ArgumentParser(description="EventBridge's schema registries")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    Server(arguments.port).serve_forever()


if __name__ == "__main__":
    main()
