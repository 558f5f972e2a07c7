"""Events lost and doubled while edge, broker and hub are killed at random with SIGKILL, again and again.

`omma-outbox-load` runs the edge's own outbox and uplink and makes the events; Mosquitto and the hub are the real ones. A
victim stays dead for up to two seconds, nobody waits for the others to have recovered, and so they often die together.
In the end everything must arrive by itself.

OUTBOX_EVENTS, OUTBOX_KILLS, OUTBOX_RATE (events a second) and OUTBOX_SEED make smaller runs and other ones."""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time

from harness import PROGRAMS, Program, report, say
from outbox_world import EDGE, Hub, Ledger, judge, write_settings

EVENTS, KILLS = int(os.environ.get("OUTBOX_EVENTS", 100_000)), int(os.environ.get("OUTBOX_KILLS", 100))
RATE, SEED = float(os.environ.get("OUTBOX_RATE", 300)), int(os.environ.get("OUTBOX_SEED", 1))
DEAD_SECONDS = 2.0
STALLED_SECONDS = 300
TARGETS = {"lost": ("<=", 0), "doubled": ("<=", 0), "out_of_order": ("<=", 0), "kills": (">=", 100),
           "events": (">=", 100_000)}


def plan(names):
    """Whom to kill when as many events have been made; each about as often as the others."""
    dice = random.Random(SEED)
    victims = (names * (KILLS // len(names) + 1))[:KILLS]
    dice.shuffle(victims)
    moments = sorted(dice.uniform(0.01, 0.97) * EVENTS for _ in victims)
    return [(moment, victim, dice.uniform(0, DEAD_SECONDS)) for moment, victim in zip(moments, victims)]


def kill_and_restart(programs, hub, ledger):
    """Carries out the plan while events are made, and counts the kills."""
    left, back, kills = plan(sorted(programs)), {}, dict.fromkeys(programs, 0)
    last, moved = -1, time.monotonic()
    while left or back or not ledger.done:
        now = time.monotonic()
        for name in [name for name, at in back.items() if at <= now]:
            programs[name].start()
            del back[name]
        made = ledger.read()
        due = next((kill for kill in left if kill[0] <= made and kill[1] not in back), None)
        if due:
            _, name, dead = due
            hub.look()
            programs[name].kill()
            left.remove(due)
            back[name] = now + dead
            kills[name] += 1
            say(f"kill {sum(kills.values())} of {KILLS}: {name}, after {made} events, for {dead:.2f} s")
        for name, program in programs.items():
            if name not in back:
                program.check()
        if made != last:
            last, moved = made, now
        elif now - moved > STALLED_SECONDS:
            raise RuntimeError(f"no new events for {STALLED_SECONDS} s, {made} so far; see the logs")
        hub.look()
        time.sleep(0.01 if due else 0.03)
    return kills


def until_sent(programs, hub):
    """Waits until the edge has nothing more to send."""
    least, moved = None, time.monotonic()
    while (waiting := hub.edge_waits()) != 0:
        for program in programs.values():
            program.check()
        hub.look()
        if waiting is not None and (least is None or waiting < least):
            least, moved = waiting, time.monotonic()
        elif time.monotonic() - moved > STALLED_SECONDS:
            return waiting
        time.sleep(0.1)
    return 0


def measure(folder):
    """One run. What was found and what makes it void."""
    write_settings(folder)
    hub_at = ["--config", folder / "hub.toml"]
    programs = {
        "broker": Program("broker", [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", folder / "broker.conf"], folder),
        "hub": Program("hub", [PROGRAMS / "cloud-hub", "run", *hub_at], folder),
    }
    try:
        for program in programs.values():
            program.start()
        hub = Hub(folder)
        hub.until_ready()
        ask = lambda *what: subprocess.run([PROGRAMS / "cloud-hub", *what, *hub_at], stdout=subprocess.PIPE, text=True,
                                           check=True).stdout.strip()
        write_settings(folder, join=ask("join", EDGE))
        ledger = Ledger(folder / "ledger")
        programs["edge"] = Program("edge", [PROGRAMS / "omma-outbox-load", "--config", folder / "edge.toml", "--ledger",
                                            ledger.path, "--events", str(EVENTS), "--rate", str(RATE)], folder)
        began = time.monotonic()
        programs["edge"].start()
        kills = kill_and_restart(programs, hub, ledger)
        made = time.monotonic()
        waiting = until_sent(programs, hub)
        sent = time.monotonic()
        hub.look()
        found = judge(folder, ledger)
        figures = {"lost": found["missing"] + waiting, "doubled": found["doubled"], "out_of_order": hub.out_of_order(),
                   "kills": sum(kills.values()), "killed": kills, "events": found["promised"], "found": found,
                   "waiting": waiting, "seconds": round(sent - began, 1), "seconds_after_the_last": round(sent - made, 1),
                   "rate": RATE, "seed": SEED}
        return figures, [f"{name}: {line}" for name, program in programs.items() for line in program.panics()]
    finally:
        for program in reversed(programs.values()):
            program.stop()


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        figures, faults = measure(folder)
        if keep := os.environ.get("OUTBOX_KEEP"):
            shutil.copytree(folder, keep, dirs_exist_ok=True)
    report("outbox", figures, TARGETS, faults)


main()
