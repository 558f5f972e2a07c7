"""Glass to screen: 1280x720 at 30 frames/s with the capture clock burned into the picture, through edge and hub, to the
frame shown in Chromium; and in exact mode, whether each analysed frame's boxes were drawn on that very frame.

Beside it, in turn and in the same Chromium, a relay made of PyPI's `aiortc`, which asks the same camera over RTSP and hands its
H.264 on over WebRTC as it is; the edge looks at the same 10 pictures a second meanwhile. The ratio is to live mode. The relay
differs in three ways: it is one program in place of two, without boxes or a data channel; FFmpeg, which reads the camera for
it, gives a picture away when the next one begins, a frame's time later; and it has no `playout-delay`, by which the hub tells
a browser to show pictures at once, so that its page asks for that with `jitterBufferTarget = 0`. How much of either's time
passed before the browser had the picture is told beside."""

import json
import os
import pathlib
import subprocess
import sys

from harness import EDGE, PORTS, ROOT, figure, python_with, quantiles, report, say, spread, stack

ROUNDS, SECONDS = 3, 12
FRAME_MS = 1000 / 30
TARGETS = {"glass_to_screen_ms.p50": ("<=", 50), "glass_to_screen_ms.p95": ("<=", 100), "glass_to_boxes_ms.p95": ("<=", 150),
           "boxes_on_their_frame": (">=", 1.0), "misnamed_frames.exact": ("<=", 0)}
# Of each round: what is added up in the report, and what is told as it spreads.
COUNTS = ("misnamed_frames", "unreadable_frames", "analysed_frames", "analysed_but_not_shown", "frames_with_boxes",
          "boxes_with_their_frame", "boxes_over_their_frame_later", "boxes_late", "boxes_on_another_frame")
RATES = ("shown_per_second", "clock_drift_ms", "analysed_per_second", "hold_ms")


def watch():
    """What the browser saw, by rounds."""
    home = ROOT / "bench"
    python = python_with("bench-aiortc-venv", "latency_peer.txt")
    footage = pathlib.Path(os.environ["OMMA_FOOTAGE"]) / "backdrop.h264"
    peer = {"PEER_PYTHON": str(python), "PEER_PROGRAM": str(home / "latency_peer.py"),
            "PEER_CAMERA": f"rtsp://127.0.0.1:{PORTS['RTSP_PORT']}/walkers"}
    with stack(DEMO_PLAY=f"clock:1280x720:over={footage}@30", DEMO_RATE="10", DEMO_GATE="always") as omma:
        out = subprocess.run(["node", home / "latency.mjs", str(ROUNDS), str(SECONDS)], stdout=subprocess.PIPE, text=True,
                             env=os.environ | peer | {"OMMA_URL": omma.url, "OMMA_TOKEN": omma.token, "OMMA_EDGE": EDGE})
    if out.returncode:
        sys.exit("bench: latency: the browser's half failed, see above")
    return json.loads(out.stdout.splitlines()[-1])


def drifted(seen):
    if abs(drift := seen["clock_drift_ms"]) > 2:
        yield f"the browser's clock ran {drift:.1f} ms away from the system's"


def faults(raw):
    """Why a round's figures can't be believed."""
    for mode in ("live", "exact"):
        stamp = quantiles(raw[mode]["stamp_after_burn"])
        if stamp is None:
            yield f"{mode}: no frame's burned clock could be read"
        elif not 0 <= stamp["p50"] < FRAME_MS:
            yield f"{mode}: stamps come {stamp['p50']} ms after the burned clock, so that they may name another frame"
        yield from drifted(raw[mode])
    looks, got = raw["edge_looks_per_second"], raw["exact"]["analysed_per_second"]
    if looks is None or got < 0.98 * looks:
        yield f"the edge looked at {looks} frames a second, the page heard of {got:.2f}"
    if raw["pictures"]["misnamed"]:
        yield f"{raw['pictures']['misnamed']} pictures of events are of another frame than the event says"


def peer_faults(raw):
    """Why a round has nothing to compare ours with."""
    yield from drifted(raw["peer"])
    theirs, ours = (raw[who]["shown_per_second"] for who in ("peer", "live"))
    if theirs < 0.9 * ours:
        yield f"the peer showed {theirs:.1f} pictures a second, we {ours:.1f}"


def pooled(parts):
    """All rounds of one kind as one: lists joined, counts added, rates by their spread."""
    joined = {key: sum((part[key] for part in parts), []) for key, value in parts[0].items() if isinstance(value, list)}
    added = {key: sum(part[key] for part in parts) for key in COUNTS if key in parts[0]}
    return joined | added | {key: spread([part[key] for part in parts]) for key in RATES if key in parts[0]}


def main():
    rounds = watch()
    of = lambda kind: [one[kind] for one in rounds]
    live, exact, peer, pictures = (pooled(of(kind)) for kind in ("live", "exact", "peer", "pictures"))
    latencies = {}

    def tell(name, kind, whole, key="glass_to_screen"):
        """The quantiles over all rounds, and how those of each round spread."""
        latencies[name] = quantiles(whole[key])
        each = [quantiles(part[key]) for part in of(kind)]
        latencies[f"{name}_spread"] = {q: spread([one[q] for one in each]) for q in ("p50", "p95")} if all(each) else None
        return each

    ours, theirs = tell("glass_to_screen_ms", "live", live), tell("peer_glass_to_screen_ms", "peer", peer)
    tell("glass_to_browser_ms", "live", live, "glass_to_browser")
    tell("peer_glass_to_browser_ms", "peer", peer, "glass_to_browser")
    tell("glass_to_presentation_ms", "live", live, "glass_to_presentation")
    tell("exact_glass_to_screen_ms", "exact", exact)
    tell("glass_to_boxes_ms", "exact", exact, "glass_to_boxes")
    tell("glass_to_boxes_refresh_ms", "exact", exact, "glass_to_boxes_refresh")
    told = lambda of: [f"round {n}: {fault}" for n, one in enumerate(rounds, 1) for fault in of(one)]
    void = told(peer_faults)  # which is nothing against what is measured of us
    ratio = spread([a["p50"] / b["p50"] for a, b in zip(ours, theirs)]) if all(ours) and not void else None
    counts = {key: value for key, value in exact.items() if key.startswith(("analysed", "boxes", "frames_with", "hold"))}
    say(counts)
    report("latency", {"glass_to_screen_ratio": figure(ratio, "median"), "glass_to_screen_ratio_spread": ratio} | latencies | {
        "boxes_on_their_frame": exact["boxes_with_their_frame"] / max(1, exact["analysed_frames"]),
        "edge_looks_per_second": spread(of("edge_looks_per_second")),
        "stamp_after_burn_ms": {"live": quantiles(live["stamp_after_burn"]), "exact": quantiles(exact["stamp_after_burn"]),
                                "pictures": quantiles(pictures["stamp_after_burn"])},
        "peer": {"void": void} | {key: peer[key] for key in ("unreadable_frames", "shown_per_second", "clock_drift_ms")},
    } | {key: {"live": live[key], "exact": exact[key]}
         for key in ("misnamed_frames", "unreadable_frames", "shown_per_second", "clock_drift_ms")} | counts,
        TARGETS, told(faults))


main()
