"""A garage door opener with ratgdo's MQTT firmware, under garage/left: a door that travels, a
photo-eye, a light, a lockout of the remotes, and an availability that the broker revokes.
"""

from leaf import Leaf
from mqtt_session import Session
from refusal import Refusal

BASE = "garage/left"
STATUS = f"{BASE}/status"
COMMAND = f"{BASE}/command"
# Seconds from end to end.
TRAVEL = 6.0
# Between the stop at an obstruction and the way back.
REVERSAL = 0.5
# Until the opener answers a query.
ANSWER = 0.4
# The firmware ignores commands for so long after it connected: they could be retained ones.
COMMANDS_IGNORED = 10.0


class Garage:
    """The opener and its door."""

    def __init__(self, loop, port):
        self._loop = loop
        self._leaf = Leaf(TRAVEL)
        self._said = {"door": "closed", "lock": "unlocked", "obstruction": "clear", "light": "off"}
        self._listens_from = 0.0
        self._powered = True
        self._reversal = None
        will = (f"{STATUS}/availability", "offline")
        filters = (f"{COMMAND}/#",)
        self.session = Session(loop, "ratgdo-left", port, will, self._asked, self._up, filters)

    def show(self):
        power = "" if self._powered else ", without power"
        eye, percent = self._said["obstruction"], self._leaf.place * 100
        return f"garage  {self._said['door']} ({percent:.0f} % open), photo-eye {eye}{power}"

    async def act(self, act, argument):
        """Does one thing with the door, and tells what."""
        match act:
            case "open":
                return self._open()
            case "close":
                return self._close()
            case "stop":
                return self._stop()
            case "obstruct":
                return self._obstruct()
            case "clear":
                self._tell("obstruction", "clear")
                return "the photo-eye sees light"
            case "motion":
                self.session.say(f"{STATUS}/motion", "detected")
                return "somebody walks through"
            case "light" | "lockout":
                on = argument != "off"
                words = ("off", "on") if act == "light" else ("unlocked", "locked")
                self._tell("light" if act == "light" else "lock", words[on])
                return f"{act} {'on' if on else 'off'}"
            case "word":
                self._tell("door", argument or "ajar")
                return f"the opener says {argument or 'ajar'}"
            case "unplug":
                if not self._powered:
                    raise Refusal("it has no power")
                self._powered = False
                self._halt()
                await self.session.cut()
                return "no power: the broker will say that it is offline"
            case "plug":
                if self._powered:
                    raise Refusal("it has power")
                self._powered = True
                self.session.start()
                return "power is back"
            case _:
                raise Refusal(f"the garage knows no {act}")

    def _open(self):
        self._halt()
        if self._leaf.is_open:
            raise Refusal("it is open")
        self._tell("door", "opening")
        seconds = self._leaf.move(1, lambda: self._tell("door", "open"))
        return f"the door goes up: {seconds:.1f} s"

    def _close(self):
        self._halt()
        if self._leaf.is_closed:
            raise Refusal("it is closed")
        if self._said["obstruction"] == "obstructed":
            raise Refusal("something is in the way ('garage clear' removes it)")
        self._tell("door", "closing")
        seconds = self._leaf.move(0, lambda: self._tell("door", "closed"))
        return f"the door comes down: {seconds:.1f} s"

    def _stop(self):
        if self._leaf.target is None:
            raise Refusal("it does not move")
        self._halt()
        self._tell("door", "stopped")
        return f"the door stops at {self._leaf.place * 100:.0f} %"

    def _obstruct(self):
        self._tell("obstruction", "obstructed")
        if self._leaf.target != 0:
            return "something is in the beam of the photo-eye"
        self._stop()
        self._reversal = self._loop.call_later(REVERSAL, self._open)
        return "something is in the way: the door stops, and goes up again"

    def _query(self):
        # The firmware forgets what it knew, and asks the opener.
        for what in self._said:
            self.session.say(f"{STATUS}/{what}", "unknown", retain=True)
        self._loop.call_later(ANSWER, self._tell_all)

    def _tell_all(self):
        for what, word in self._said.items():
            self._tell(what, word)

    def _halt(self):
        if self._reversal:
            self._reversal.cancel()
            self._reversal = None
        self._leaf.stop()

    def _tell(self, what, word):
        self._said[what] = word
        if self._powered:
            self.session.say(f"{STATUS}/{what}", word, retain=True)

    def _up(self):
        self._listens_from = self._loop.time() + COMMANDS_IGNORED
        self.session.say(f"{STATUS}/availability", "online", retain=True)
        # After a power cut on its way the opener is where it stopped.
        at = {0.0: "closed", 1.0: "open"}.get(self._leaf.place, "stopped")
        if self._leaf.target is None:
            self._said["door"] = at
        self._tell_all()

    def _asked(self, topic, payload):
        if self._loop.time() < self._listens_from:
            return
        what, word = topic.removeprefix(f"{COMMAND}/"), payload.decode(errors="replace")
        try:
            match what, word:
                case "door", "open":
                    self._open()
                case "door", "close":
                    self._close()
                case "door", "stop":
                    self._stop()
                case "door", "toggle":
                    self._open() if self._leaf.is_closed else self._close()
                case _, "query":
                    self._query()
                case "lock", "lock" | "unlock":
                    self._tell("lock", f"{word}ed")
                case "light", "on" | "off":
                    self._tell("light", word)
        except Refusal:
            # The firmware has no word for a command that it does not follow.
            pass


