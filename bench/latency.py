"""Glass to screen: 1280x720 at 30 frames/s with the capture clock burned into the picture, through edge and hub, to the
frame shown in Chromium; and in exact mode, whether each analysed frame's boxes were drawn on that very frame."""

import json
import os
import pathlib
import subprocess
import sys

from harness import EDGE, ROOT, quantiles, report, say, stack

SECONDS = 30
FRAME_MS = 1000 / 30
TARGETS = {"glass_to_screen_ms.p50": ("<=", 50), "glass_to_screen_ms.p95": ("<=", 100), "glass_to_boxes_ms.p95": ("<=", 150),
           "boxes_on_their_frame": (">=", 1.0), "misnamed_frames.exact": ("<=", 0)}


def watch():
    """What the browser saw."""
    footage = pathlib.Path(os.environ["OMMA_FOOTAGE"]) / "backdrop.h264"
    with stack(DEMO_PLAY=f"clock:1280x720:over={footage}@30", DEMO_RATE="10", DEMO_GATE="always") as omma:
        out = subprocess.run(["node", ROOT / "bench" / "latency.mjs", str(SECONDS)], stdout=subprocess.PIPE, text=True,
                             env=os.environ | {"OMMA_URL": omma.url, "OMMA_TOKEN": omma.token, "OMMA_EDGE": EDGE})
    if out.returncode:
        sys.exit("bench: latency: the browser's half failed, see above")
    return json.loads(out.stdout.splitlines()[-1])


def faults(raw):
    """Why the figures can't be believed."""
    for mode in ("live", "exact"):
        stamp, drift = quantiles(raw[mode]["stamp_after_burn"]), raw[mode]["clock_drift_ms"]
        if stamp is None:
            yield f"{mode}: no frame's burned clock could be read"
        elif not 0 <= stamp["p50"] < FRAME_MS:
            yield f"{mode}: stamps come {stamp['p50']} ms after the burned clock, so that they may name another frame"
        if abs(drift) > 2:
            yield f"{mode}: the browser's clock ran {drift:.1f} ms away from the system's"
    looks, got = raw["edge_looks_per_second"], raw["exact"]["analysed_per_second"]
    if looks is None or got < 0.98 * looks:
        yield f"the edge looked at {looks} frames a second, the page heard of {got:.2f}"
    if raw["pictures"]["misnamed"]:
        yield f"{raw['pictures']['misnamed']} pictures of events are of another frame than the event says"


def main():
    raw = watch()
    live, exact = raw["live"], raw["exact"]
    each = lambda key: {"live": live[key], "exact": exact[key]}
    say({key: value for key, value in exact.items() if not isinstance(value, list)})
    report("latency", {
        "glass_to_screen_ms": quantiles(live["glass_to_screen"]),
        "glass_to_presentation_ms": quantiles(live["glass_to_presentation"]),
        "exact_glass_to_screen_ms": quantiles(exact["glass_to_screen"]),
        "glass_to_boxes_ms": quantiles(exact["glass_to_boxes"]),
        "glass_to_boxes_refresh_ms": quantiles(exact["glass_to_boxes_refresh"]),
        "boxes_on_their_frame": exact["boxes_with_their_frame"] / max(1, exact["analysed_frames"]),
        "edge_looks_per_second": raw["edge_looks_per_second"],
        "stamp_after_burn_ms": {mode: quantiles(raw[mode]["stamp_after_burn"]) for mode in ("live", "exact", "pictures")},
    } | {key: each(key) for key in ("misnamed_frames", "unreadable_frames", "shown_per_second", "clock_drift_ms")}
      | {key: value for key, value in exact.items() if key.startswith(("analysed", "boxes", "frames_with", "hold"))},
        TARGETS, list(faults(raw)))


main()
