"""CPU of the hub for each of 50 viewers of one 4 Mbit/s stream."""

import json
import os
import pathlib
import subprocess

from harness import PROGRAMS, report, rss_mb, say, spread, stack

VIEWERS, ROUNDS, SECONDS = 50, 3, 15
TARGETS = {"cpu_percent_per_viewer": ("<=", 0.6)}


def faults(rounds):
    """Why the figures can't be believed: viewers who got less than all of it cost less."""
    found = []
    if min(r["mbit_per_viewer"] for r in rounds) < 3.5:
        found.append("viewers got less than the 4 Mbit/s of the film")
    if min(r["frames_min"] / r["seconds"] for r in rounds) < 29:
        found.append("a viewer got less than 29 pictures a second")
    if sum(r["gaps"] for r in rounds):
        found.append("pictures were missing")
    return found


def main():
    footage = pathlib.Path(os.environ["OMMA_FOOTAGE"]) / "hd-high.h264"
    with stack(DEMO_PLAY=f"file:{footage}@30", DEMO_PLACEMENT="none") as omma:
        hub, rounds = omma.pid("cloud-hub"), []
        for _ in range(ROUNDS):
            out = subprocess.run([PROGRAMS / "omma-viewers", "--hub", omma.url, "--stream", "demo.walkers",
                                  "--viewers", str(VIEWERS), "--seconds", str(SECONDS), "--pid", str(hub)],
                                 env=os.environ | {"OMMA_TOKEN": omma.token}, stdout=subprocess.PIPE, text=True, check=True)
            rounds.append(json.loads(out.stdout.splitlines()[-1]))
            say(rounds[-1])
        cpu = spread([r["cpu_percent_per_viewer"] for r in rounds])
        report("fanout", {"cpu_percent_per_viewer": cpu["median"], "cpu_percent_per_viewer_spread": cpu, "viewers": VIEWERS,
                          "mbit_per_viewer": spread([r["mbit_per_viewer"] for r in rounds]),
                          "frames_per_second_min": round(min(r["frames_min"] / r["seconds"] for r in rounds), 2),
                          "gaps": sum(r["gaps"] for r in rounds),
                          "hub_rss_mb": round(rss_mb(hub), 1), "rounds": rounds}, TARGETS, faults(rounds))


main()
