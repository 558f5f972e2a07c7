"""Glass to screen: 1280x720 at 30 frames/s with the capture clock burned into the picture, through edge and hub, to the
frame shown in Chromium; and in exact mode, whether each analysed frame's boxes were drawn on that very frame."""

import json
import os
import pathlib
import subprocess

from harness import ROOT, quantiles, report, say, stack

SECONDS = 30


def main():
    footage = pathlib.Path(os.environ["OMMA_FOOTAGE"]) / "backdrop.h264"
    with stack(DEMO_PLAY=f"clock:1280x720:over={footage}@30", DEMO_RATE="10") as omma:
        out = subprocess.run(["node", ROOT / "bench" / "latency.mjs", str(SECONDS)], stdout=subprocess.PIPE, text=True, check=True,
                             env=os.environ | {"OMMA_URL": omma.url, "OMMA_TOKEN": omma.token})
    raw = json.loads(out.stdout.splitlines()[-1])
    live, exact = raw["live"], raw["exact"]
    say({k: len(v) if isinstance(v, list) else v for k, v in exact.items()})
    report("latency", {
        "glass_to_screen_ms": quantiles(live["glass_to_presentation"]),
        "glass_to_expected_display_ms": quantiles(live["glass_to_display"]),
        "exact_glass_to_screen_ms": quantiles(exact["glass_to_presentation"]),
        "glass_to_boxes_ms": quantiles(exact["glass_to_boxes"]),
        "boxes_on_their_frame": exact["drawn_on_their_frame"] / max(1, exact["analysed_frames"]),
        "analysed_frames": exact["analysed_frames"],
        "frames_with_boxes": exact["frames_with_boxes"],
        "unreadable_frames": live["unreadable"] + exact["unreadable"],
        "targets": {"glass_to_screen_ms": {"p50": 50, "p95": 100}, "glass_to_boxes_ms": {"p95": 150}, "boxes_on_their_frame": 1.0},
    })


main()
