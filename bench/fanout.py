"""CPU of the hub for each of 50 viewers of one 4 Mbit/s stream; and in turn with it, of Debian's ffmpeg, which sends the
same film in real time, as it is, in packets of the same size, as SRTP to 50 receivers of this machine.

What ffmpeg does is less: it reads a file, where the hub gets the film from an edge over QUIC; it has no ICE, DTLS or data
channel, hears nothing from its receivers, heeds no congestion and sends nothing again. It also does it otherwise: it cuts
pictures into packets anew for each receiver and makes a system call for each packet, and its AES and SHA-1 are plain C; the
hub cuts once for all, hands a picture's packets to the kernel together, and encrypts with the processor's own instructions."""

import json
import os
import pathlib
import subprocess

from fanout_peer import peer_round
from harness import PROGRAMS, report, rss_mb, say, spread, stack

VIEWERS, ROUNDS, SECONDS = 50, 3, 15
TARGETS = {"cpu_percent_per_viewer": ("<=", 0.6)}


def faults(rounds, peers):
    """Why the figures can't be believed: viewers who got less than all of it cost less."""
    found = []
    if min(r["mbit_per_viewer"] for r in rounds) < 3.5:
        found.append("viewers got less than the 4 Mbit/s of the film")
    if min(r["frames_min"] / r["seconds"] for r in rounds) < 29:
        found.append("a viewer got less than 29 pictures a second")
    if sum(r["gaps"] for r in rounds):
        found.append("pictures were missing")
    if (least := min(p["mbit_per_viewer_min"] for p in peers)) < 3.5:
        found.append(f"a receiver of ffmpeg's got {least} Mbit/s, less than the 4 of the film")
    return found


def main():
    footage = pathlib.Path(os.environ["OMMA_FOOTAGE"]) / "hd-high.h264"
    with stack(DEMO_PLAY=f"file:{footage}@30", DEMO_PLACEMENT="none") as omma:
        hub, rounds, peers = omma.pid("cloud-hub"), [], []
        for _ in range(ROUNDS):
            out = subprocess.run([PROGRAMS / "omma-viewers", "--hub", omma.url, "--stream", "demo.walkers",
                                  "--viewers", str(VIEWERS), "--seconds", str(SECONDS), "--pid", str(hub)],
                                 env=os.environ | {"OMMA_TOKEN": omma.token}, stdout=subprocess.PIPE, text=True, check=True)
            rounds.append(json.loads(out.stdout.splitlines()[-1]))
            say(rounds[-1])
            peers.append(peer_round(footage, VIEWERS, SECONDS))
            say(f"ffmpeg: {peers[-1]}")
        cpu, theirs = (spread([r["cpu_percent_per_viewer"] for r in those]) for those in (rounds, peers))
        ratio = spread([ours["cpu_percent_per_viewer"] / peer["cpu_percent_per_viewer"] for ours, peer in zip(rounds, peers)])
        report("fanout", {"cpu_percent_per_viewer": cpu["median"], "cpu_percent_per_viewer_spread": cpu,
                          "peer_cpu_percent_per_viewer": theirs, "cpu_ratio": ratio["median"], "cpu_ratio_spread": ratio,
                          "viewers": VIEWERS,
                          "mbit_per_viewer": spread([r["mbit_per_viewer"] for r in rounds]),
                          "frames_per_second_min": round(min(r["frames_min"] / r["seconds"] for r in rounds), 2),
                          "gaps": sum(r["gaps"] for r in rounds), "hub_rss_mb": round(rss_mb(hub), 1),
                          "rounds": rounds, "peer_rounds": peers}, TARGETS, faults(rounds, peers))


main()
