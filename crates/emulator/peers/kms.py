#!/usr/bin/env python3
"""As much of AWS KMS as signing with one Ed25519 key needs, over HTTP.

    kms.py --port N --arn ARN

The key is made at the start and is gone at the end; its id is the last part of the ARN. Answered
are, in AWS's JSON protocol:

    TrentService.Sign          KeyId, Message (base64, 1 to 4096 bytes), MessageType RAW,
                               SigningAlgorithm ED25519_SHA_512
    TrentService.GetPublicKey  KeyId

Signatures of requests are not checked.

    POST /fail {"status": 400, "code": "ThrottlingException", "times": 2}

has the next requests answered so; it replaces the order before it.
"""
import argparse
import base64
import binascii
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALGORITHM = "ED25519_SHA_512"
# KMS signs at most this many bytes that are not hashed.
MOST_BYTES = 4096
# A longer request is refused with 413.
MAX_BODY = 64 * 1024
# Connections at once; further ones wait to be accepted.
MOST_CONNECTIONS = 64


class Refusal(Exception):
    """An answer with an error code."""

    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code = code
        self.status = status


class Key:
    """The one key."""

    def __init__(self, arn):
        self._arn = arn
        self._names = {arn, arn.rpartition("/")[2]}
        self._private = Ed25519PrivateKey.generate()

    def answer(self, target, request):
        """The answer to a call; a Refusal if there is none."""
        calls = {
            "TrentService.Sign": self._sign,
            "TrentService.GetPublicKey": self._get_public_key,
        }
        if target not in calls:
            raise Refusal("UnknownOperationException", "")
        name = request.get("KeyId")
        if not isinstance(name, str):
            raise Refusal("ValidationException", "KeyId must not be null")
        if name not in self._names:
            raise Refusal("NotFoundException", f"Key '{name}' does not exist")
        return {"KeyId": self._arn} | calls[target](request)

    def _sign(self, request):
        if request.get("SigningAlgorithm") != ALGORITHM:
            raise Refusal(
                "InvalidKeyUsageException",
                "The signing algorithm is incompatible with the key spec ECC_NIST_EDWARDS25519",
            )
        if request.get("MessageType", "RAW") != "RAW":
            raise Refusal("ValidationException", f"{ALGORITHM} requires the message type RAW")
        try:
            message = base64.b64decode(request.get("Message"), validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise Refusal("SerializationException", "Message is no base64") from None
        if not 1 <= len(message) <= MOST_BYTES:
            raise Refusal("ValidationException", f"Message must have 1 to {MOST_BYTES} bytes")
        return {
            "Signature": base64.b64encode(self._private.sign(message)).decode(),
            "SigningAlgorithm": ALGORITHM,
        }

    def _get_public_key(self, _request):
        public = self._private.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {
            "PublicKey": base64.b64encode(der).decode(),
            "KeySpec": "ECC_NIST_EDWARDS25519",
            "CustomerMasterKeySpec": "ECC_NIST_EDWARDS25519",
            "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": [ALGORITHM, "ED25519_PH_SHA_512"],
        }


class Failures:
    """What the next requests are answered with."""

    def __init__(self):
        self._lock = threading.Lock()
        self._status, self._code, self._left = 500, "KMSInternalException", 0

    def order(self, status, code, times):
        with self._lock:
            self._status, self._code, self._left = int(status), str(code), int(times)

    def deal(self):
        """Raises the next ordered failure, if there is one."""
        with self._lock:
            if self._left > 0:
                self._left -= 1
                raise Refusal(self._code, "on demand", self._status)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        try:
            self._answer(200, self._result())
        except Refusal as refusal:
            self._answer(refusal.status, {"__type": refusal.code, "message": str(refusal)})

    def _result(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY:
            self.close_connection = True
            raise Refusal("RequestEntityTooLargeException", "", 413)
        body = self.rfile.read(length)
        try:
            request = json.loads(body)
        except ValueError:
            raise Refusal("SerializationException", "no JSON") from None
        if not isinstance(request, dict):
            raise Refusal("SerializationException", "no object")
        if self.path == "/fail":
            self.server.failures.order(request["status"], request["code"], request["times"])
            return {}
        self.server.failures.deal()
        return self.server.key.answer(self.headers.get("X-Amz-Target"), request)

    def _answer(self, status, result):
        body = json.dumps(result).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, arn):
        self.key = Key(arn)
        self.failures = Failures()
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
    parser = argparse.ArgumentParser(description="AWS KMS with one Ed25519 key")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--arn", required=True)
    arguments = parser.parse_args()
    Server(arguments.port, arguments.arn).serve_forever()


if __name__ == "__main__":
    main()
