"""One edge with 1, 4, 16 and 64 cameras of 1080p at 30 pictures a second, in which people walk all the time: `gate` is
`always`, so that each wants all its pictures decoded and five a second looked at. That is more than this machine can do
from some number on. Then cameras are looked at less often, all alike; what is looked at is no later; and what forwards
video loses nothing: the units that came at the edge are counted, and one camera is watched at a hub, by a viewer who counts
what reaches him.

Boxes' delay is from a unit's arrival to what was seen in it. Memory is the edge's own: with openh264, and of one and four
cameras with libavcodec too, a build of its own, whose decoders take less.

SCALE_COUNTS (such as `1,4`) and SCALE_SECONDS make smaller runs."""

import json
import os
import pathlib
import statistics
import tempfile
import time

from edge_builds import LIBAV, build, missing_for_libav
from edge_world import HUB, edge_world, of, quantile
from harness import PROGRAMS, cpu_shares, report, rss_mb, say, spread

COUNTS = tuple(int(count) for count in os.environ.get("SCALE_COUNTS", "1,4,16,64").split(","))
LIBAV_COUNTS = tuple(count for count in (1, 4) if count in COUNTS)
RATE, FPS, GROUP = 5, 30, 60
WARM_UP, ROUNDS, SECONDS = 15, 3, float(os.environ.get("SCALE_SECONDS", 15))
DELAY = "omma_gate_look_delay_seconds"
TARGETS = {"rss_mb_per_further_camera": ("<=", 15), "rss_mb_per_further_camera_libav": ("<=", 15), "evenness": (">=", 0.8), "delay_ms_p95": ("<=", 1000),
           "share_of_units": (">=", 0.98), "share_of_units_watched": (">=", 0.98)}


def measure(folder, count, programs=PROGRAMS):
    """What an edge with so many cameras does for what."""
    film = pathlib.Path(os.environ["OMMA_FOOTAGE"]) / "hd-high.h264"
    names = [f"c{n:02}" for n in range(count)]
    # Real cameras' key pictures do not come at once.
    scenes = {name: f"file:{film}:first={1 + n * 23 % GROUP}@{FPS}" for n, name in enumerate(names)}
    cameras = {name: (name, f'placement = "edge"\nrate = {RATE}.0\ngate = "always"\n') for name in names}
    with edge_world(folder, scenes, cameras, programs=programs, hub=True) as world:
        world.until_live()
        viewer = world.viewer(names[0], WARM_UP + ROUNDS * SECONDS)
        time.sleep(WARM_UP)
        began, before, came = time.monotonic(), world.metrics(), units_at_the_hub(world)
        [cpu] = cpu_shares([world.pid()], SECONDS, ROUNDS)
        took, after, came = time.monotonic() - began, world.metrics(), units_at_the_hub(world) - came
        world.check()
        watched = told(viewer)
        grown = lambda name, **labels: (of(after, name, **labels) - of(before, name, **labels)) / took
        looks = [grown("omma_gate_looks_total", camera=name, kind="live") for name in names]
        delay = {f"p{q}": quantile(before, after, DELAY, q / 100, kind="live") for q in (50, 95)}
        dropped = {f"{has['step']}: {has['reason']}": round(grown("omma_step_dropped_total", **has), 2)
                   for has, _ in after.get("omma_step_dropped_total", []) if has["step"] in ("unit", "decode", "detect")}
        found = {
            "edge_cpu": spread(cpu), "rss_mb": round(rss_mb(world.pid()), 1),
            "looks_per_second": spread(looks) | {"all": round(sum(looks), 1)},
            "evenness": round(min(looks) / statistics.mean(looks), 3) if any(looks) else 0.0,
            "delay_ms": {q: value and round(value * 1000, 1) for q, value in delay.items()},
            "decoded_per_second": round(grown("omma_step_done_total", step="decode"), 1),
            "share_of_units": round(grown("omma_step_done_total", step="unit") / (count * FPS), 3),
            "share_of_units_at_the_hub": round(came / took / FPS, 3),
            "share_of_units_watched": round(watched["frames_min"] / watched["seconds"] / FPS, 3),
            "gaps_watched": watched["gaps"],
            "dropped_per_second": {what: rate for what, rate in dropped.items() if rate},
        }
        say(f"{count}: {found}")
        return found


def units_at_the_hub(world):
    """Of the one camera that is watched: nobody asks for the others'."""
    return of(world.metrics(HUB), "omma_step_done_total", step="bus")


def told(viewer):
    out, _ = viewer.communicate(timeout=120)
    if viewer.returncode:
        raise RuntimeError("the viewer has failed: see above")
    return json.loads(out.splitlines()[-1])


def per_further(runs):
    """What each further camera takes, MB, by how many there are."""
    if "1" not in runs:
        return {}
    alone = runs["1"]["rss_mb"]
    return {n: round((run["rss_mb"] - alone) / (int(n) - 1), 2) for n, run in runs.items() if n != "1"}


def main():
    missing = missing_for_libav()
    if missing:
        say(f"libavcodec is not measured: {', '.join(missing)} not found (`make setup` installs them)")
    build(libav=not missing)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        runs = {str(count): measure(folder / str(count), count) for count in COUNTS}
        libav = {} if missing else {str(n): measure(folder / f"libav-{n}", n, LIBAV) for n in LIBAV_COUNTS}
    further, further_libav = per_further(runs), per_further(libav) if libav else {}
    slow = "1" in runs and runs["1"]["looks_per_second"]["min"] < 0.94 * RATE
    faults = ["one camera alone is not looked at as asked"] if slow else []
    delays = [run["delay_ms"]["p95"] for run in runs.values()]
    report("scale", {
        "rss_mb_per_further_camera": max(further.values(), default=None),
        "rss_mb_per_further_camera_libav": max(further_libav.values(), default=None),
        "libav_missing": missing,
        "evenness": min(run["evenness"] for run in runs.values()),
        "delay_ms_p95": None if None in delays else max(delays),
        "share_of_units": min(run["share_of_units"] for run in runs.values()),
        "share_of_units_watched": min(run["share_of_units_watched"] for run in runs.values()),
        "rss_mb_by_count": further,
        "cameras": runs,
        "libav": libav,
    }, TARGETS, faults)


main()
