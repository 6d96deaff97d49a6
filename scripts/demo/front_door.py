"""A front door on zigbee2mqtt: a lock with a keypad (front_door_yale) and a contact sensor
(front_door_contact). The bridge says what the real one says, in the forms of
crates/translators/fixtures/zigbee2mqtt/captured.jsonl.
"""
import json
from datetime import UTC, datetime

from leaf import Leaf
from mqtt_session import Session
from refusal import Refusal

BASE = "zigbee2mqtt"
LOCK = f"{BASE}/front_door_yale"
CONTACT = f"{BASE}/front_door_contact"
# Seconds that the bolt takes.
BOLT_TRAVEL = 0.8

# Where an act comes from: number and name in zigbee2mqtt.
KEYPAD, RADIO, MANUAL = (0, "keypad"), (1, "rf"), (2, "manual")
NO_ACT = {"action": None, "action_source_name": None, "action_user": None}

INVENTORY = [
    {"ieee_address": "0x00124b0000000000", "friendly_name": "Coordinator", "type": "Coordinator"},
    {
        "ieee_address": "0x00124b0024c9d2a1",
        "friendly_name": "front_door_yale",
        "type": "EndDevice",
        "manufacturer": "Yale",
        "model_id": "YRD426NRSC",
        "definition": {
            "vendor": "Yale",
            "model": "YRD426NRSC",
            "exposes": [
                {
                    "type": "lock",
                    "features": [
                        {"name": "state", "property": "state", "access": 7},
                        {"name": "lock_state", "property": "lock_state", "access": 1},
                    ],
                },
                {"type": "numeric", "property": "battery", "access": 5},
                {"type": "enum", "property": "action", "access": 1},
            ],
        },
    },
    {
        "ieee_address": "0x00158d0001a2b3c4",
        "friendly_name": "front_door_contact",
        "type": "EndDevice",
        "manufacturer": "LUMI",
        "model_id": "lumi.sensor_magnet.aq2",
        "definition": {
            "vendor": "Aqara",
            "model": "MCCGQ11LM",
            "exposes": [{"type": "binary", "property": "contact", "access": 1}],
        },
    },
]


class FrontDoor:
    """The bridge, the lock and the contact."""

    def __init__(self, loop, port):
        self._bolt = Leaf(BOLT_TRAVEL)
        # What the lock said last; zigbee2mqtt repeats it with every message.
        self._lock_state, self._battery = "locked", None
        self._closed = True
        # How often the bolt was told over the radio to move.
        self._ordered = 0
        will = (f"{BASE}/bridge/state", '{"state":"offline"}')
        filters = (f"{LOCK}/get", f"{LOCK}/set")
        self.session = Session(loop, "zigbee2mqtt", port, will, self._asked, self._up, filters)

    def show(self):
        leaf = "closed" if self._closed else "open"
        orders = f"{self._ordered} order{'s' if self._ordered != 1 else ''} by radio"
        return f"front   leaf {leaf}, bolt {self._lock_state}, {orders}"

    async def act(self, act, argument):
        """Does one thing with the door, and tells what."""
        match act:
            case "keypad":
                slot = int(argument or 3)
                self._operate("unlock", "unlock", KEYPAD, slot)
                return f"the code of slot {slot} is typed in, the bolt goes back"
            case "wrong-code":
                self._tell_act("unlock_failure_invalid_pin_or_id", KEYPAD, None)
                return "a code that nobody has is typed in"
            case "lock" | "unlock":
                self._operate(act, f"manual_{act}", MANUAL)
                return f"the thumb turn is turned: {act}"
            case "relock":
                self._operate("lock", "auto_lock", MANUAL)
                return "the lock locks itself"
            case "open" | "force":
                if act == "open" and not self._bolt.is_open:
                    way = "'front keypad 3' unlocks it, 'front force' breaks it"
                    raise Refusal(f"it is locked ({way})")
                self._contact(closed=False)
                return "the leaf is open"
            case "close":
                self._contact(closed=True)
                return "the leaf is closed"
            case "jam":
                self._bolt.stop()
                self._lock_says("not_fully_locked")
                return "the bolt stops half-way"
            case "cold" | "warm":
                self._bolt.seconds = float(argument or 3) if act == "cold" else BOLT_TRAVEL
                return f"it is {act}: the bolt takes {self._bolt.seconds} s"
            case "battery":
                self._battery = float(argument or 42.5)
                self._lock_says()
                return f"the battery is at {self._battery} %"
            case "repeat":
                self._lock_says()
                return "zigbee2mqtt repeats what it last knew"
            case "word":
                self._lock_says(argument or "deadlocked")
                return f"the lock says {argument or 'deadlocked'}"
            case "garble":
                self.session.say(LOCK, '{"action":null,"battery":42.5,"lock_sta')
                return "a message is cut off in the middle"
            case _:
                raise Refusal(f"the front door knows no {act}")

    def _operate(self, to, action, source, slot=None):
        """The lock tells the act, and when the bolt has moved, where it is."""
        self._tell_act(action, source, slot)
        self._move_bolt(to)

    def _move_bolt(self, to):
        state = f"{to}ed"
        self._bolt.move(int(to == "unlock"), lambda: self._lock_says(state))

    def _tell_act(self, action, source, slot):
        # Three messages, and the state in them is the one from before the act.
        number, name = source
        act = {"action": action, "action_source": number, "action_source_name": name}
        self._say_lock({**act, "action_user": slot})
        self._say_lock({**NO_ACT, "action": ""})
        self.session.say(f"{LOCK}/action", action)

    def _lock_says(self, state=None):
        self._lock_state = state or self._lock_state
        self._say_lock(NO_ACT)

    def _say_lock(self, act):
        said = {
            **act,
            "auto_relock_time": None,
            "battery": self._battery,
            "battery_low": None,
            "last_seen": _now(),
            "linkquality": 113,
            "lock_state": self._lock_state,
            "pin_code": None,
            "sound_volume": None,
            "state": "LOCK" if self._lock_state == "locked" else "UNLOCK",
        }
        self.session.say(LOCK, _json(said))

    def _contact(self, *, closed):
        self._closed = closed
        said = {
            "battery": None,
            "contact": closed,
            "device_temperature": None,
            "identify": None,
            "last_seen": _now(),
            "linkquality": 113,
            "power_outage_count": None,
            "trigger_count": None,
            "voltage": None,
        }
        self.session.say(CONTACT, _json(said))

    def _up(self):
        online = '{"state":"online"}'
        self.session.say(f"{BASE}/bridge/state", online, retain=True)
        self.session.say(f"{BASE}/bridge/devices", _json(INVENTORY), retain=True)
        self.session.say(f"{LOCK}/availability", online, retain=True)
        self.session.say(f"{CONTACT}/availability", online, retain=True)

    def _asked(self, topic, payload):
        if topic.endswith("/get"):
            self._lock_says()
            return
        try:
            wanted = json.loads(payload)["state"]
        except (ValueError, KeyError, TypeError):
            self._complain("Invalid message 'undefined', skipping...")
            return
        if wanted not in ("LOCK", "UNLOCK"):
            choice = "choose between: LOCK,UNLOCK,TOGGLE"
            why = f"'Error: '{wanted}' not allowed, {choice}'"
            self._complain(f"Publish 'set' 'state' to 'front_door_yale' failed: {why}")
            return
        self._ordered += 1
        # There is no answer but the state as it was; the lock itself reports what it does.
        self._lock_says()
        self._operate(wanted.lower(), wanted.lower(), RADIO)

    def _complain(self, message):
        said = {"level": "error", "message": f"z2m: {message}"}
        self.session.say(f"{BASE}/bridge/logging", _json(said))


def _json(value):
    return json.dumps(value, separators=(",", ":"))


def _now():
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
