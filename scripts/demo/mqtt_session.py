"""A device's connection to the broker, as devices have it: MQTT 3.1.1, QoS 0, a last will."""
import asyncio
import contextlib
import socket

import paho.mqtt.client as mqtt


class Session:
    """Hands what happens over to an asyncio loop. It connects again by itself."""

    def __init__(self, loop, name, port, will, heard=None, up=None, filters=()):
        self._loop, self._port = loop, port
        self._heard, self._up, self._filters = heard, up, filters
        self.connected = asyncio.Event()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv311
        )
        self._client.will_set(*will, qos=1, retain=True)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def start(self):
        self._client.connect_async("127.0.0.1", self._port, keepalive=15)
        self._client.loop_start()

    def stop(self):
        """Takes leave: the broker keeps the will to itself."""
        self._client.disconnect()
        self._client.loop_stop()

    async def cut(self):
        """Goes without taking leave, as by a power cut: the broker speaks the will."""
        connection = self._client.socket()
        if connection:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        # Its thread may be in a wait.
        await asyncio.to_thread(self._client.loop_stop)

    def say(self, topic, payload, *, retain=False):
        self._client.publish(topic, payload, qos=0, retain=retain)

    def _on_connect(self, client, _data, _flags, reason, _properties):
        if reason.is_failure:
            return
        for topic in self._filters:
            client.subscribe(topic, qos=0)
        self._call(self._came_up)

    def _on_disconnect(self, *_):
        self._call(self.connected.clear)

    def _came_up(self):
        if self._up:
            self._up()
        self.connected.set()

    def _on_message(self, _client, _data, message):
        if self._heard:
            self._call(self._heard, message.topic, message.payload)

    def _call(self, function, *arguments):
        # The loop may have ended before this thread.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)
