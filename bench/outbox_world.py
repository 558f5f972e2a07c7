"""What `outbox.py` stands on: its settings, what the hub tells, what was promised, and the verdict."""

import pathlib
import sqlite3
import time

from harness import PORTS, ask, metrics, user_of_mosquitto

EDGE = "site"
HUB_URL, EDGE_URL = (f"http://127.0.0.1:{PORTS[port]}" for port in ("HTTP_PORT", "EDGE_PORT"))


def write_settings(folder, join=None):
    """The files of broker and hub, or with a join token that of the edge."""
    at = lambda port: f"127.0.0.1:{PORTS[port]}"
    if join:
        (folder / "join").touch(mode=0o600)
        (folder / "join").write_text(join)
        (folder / "edge.toml").write_text(f"""
[edge]
data = "{folder}/edge"
join_file = "{folder}/join"
[http]
listen = "{at("EDGE_PORT")}"
[mqtt]
url = "mqtt://{at("MQTT_PORT")}"
[[camera]]
id = "none"
url = "rtsp://127.0.0.1:1/none"
placement = "none"
""")
        return
    (folder / "broker.conf").write_text(f"""listener {PORTS["MQTT_PORT"]} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
{user_of_mosquitto()}""")
    (folder / "hub.toml").write_text(f"""
[hub]
data = "{folder}/hub"
public_host = "127.0.0.1"
[http]
listen = "{at("HTTP_PORT")}"
[ingest]
quic = "{at("QUIC_PORT")}"
[broker]
url = "mqtt://{at("MQTT_PORT")}"
[live]
udp = "{at("WEBRTC_PORT")}"
""")


class Hub:
    """What hub and edge tell about themselves. Counters begin anew with each life: the lives are added up."""

    def __init__(self, folder):
        self.folder, self.lives, self.now, self.looked = folder, 0, 0, 0.0

    def until_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while True:
            try:
                return ask(f"{HUB_URL}/readyz")
            except OSError as error:
                if time.monotonic() > end:
                    raise RuntimeError(f"the hub is not ready after {seconds} s") from error
                time.sleep(0.1)

    def look(self):
        """Ten times a second at the most."""
        if time.monotonic() - self.looked < 0.1:
            return
        self.looked = time.monotonic()
        count = int(metrics(HUB_URL).get("omma_store_out_of_order_total", -1))
        if 0 <= count < self.now:
            self.lives += self.now
        self.now = count if count >= 0 else self.now

    def out_of_order(self):
        return self.lives + self.now

    @staticmethod
    def edge_waits():
        """How many records the edge has still to send; None while it is away."""
        waiting = metrics(EDGE_URL).get("omma_outbox_waiting")
        return None if waiting is None else int(float(waiting))


class Ledger:
    """What the edge has had on its disk, in its own words."""

    def __init__(self, path):
        self.path, self.place, self.rest, self.made, self.done = path, 0, "", 0, False
        self.states = {"opened": set(), "pictured": set(), "closed": set()}

    def read(self):
        """How many events there are by now."""
        if not self.path.exists():
            return 0
        with open(self.path) as file:
            file.seek(self.place)
            text = self.rest + file.read()
            self.place = file.tell()
        *lines, self.rest = text.split("\n")
        for line in lines:
            match line.split(" "):
                case ["done"]:
                    self.done = True
                case [number, state, event] if state in self.states and len(event) == 36:
                    self.states[state].add(event)
                    self.made = max(self.made, int(number) + 1)
        return self.made


def judge(folder, ledger):
    """Compares what was promised with what the hub's store has.

    Each event is two records, since one that the edge's end left open is closed at its next start, and one more where it
    has a picture: more records than that are doubles under numbers of their own, fewer are lost states."""
    ledger.read()
    database = sqlite3.connect(f"file:{folder}/hub/omma.db?mode=ro", uri=True)
    rows = lambda query: database.execute(query).fetchall()
    text = lambda blob: f"{blob[:4].hex()}-{blob[4:6].hex()}-{blob[6:8].hex()}-{blob[8:10].hex()}-{blob[10:].hex()}"
    events = {text(event): phase for event, phase in rows("SELECT id, phase FROM events")}
    pictures = {text(event): place for event, place in rows("SELECT event, place FROM pictures")}
    outboxes = rows("SELECT edge, sum(through - sequence + 1), max(through), sum(iif(refused IS NULL, 0, through - sequence + 1)) "
                    "FROM records GROUP BY edge, outbox")
    records = sum(count for _, count, _, _ in outboxes)
    files = {path.name for path in pathlib.Path(folder, "hub").rglob("*") if path.is_file()}
    expected = 2 * len(events) + len(pictures)
    missing = {
        "events": len(ledger.states["opened"] - events.keys()),
        "open_events": sum(phase != "closed" for phase in events.values()),
        "pictures": len(ledger.states["pictured"] - pictures.keys()),
        "picture_files": sum(pathlib.PurePosixPath(place).name not in files for place in pictures.values()),
        "numbers": sum(last - count for _, count, last, _ in outboxes),
        "states": max(0, expected - records),
        "refused": sum(refused for _, _, _, refused in outboxes),
        "outboxes": max(0, len(outboxes) - 1),
    }
    return {"promised": len(ledger.states["opened"]), "events": len(events), "pictures": len(pictures), "records": records,
            "missing": sum(missing.values()), "missing_by": missing, "doubled": max(0, records - expected)}
