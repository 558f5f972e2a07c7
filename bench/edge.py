"""The edge on one 1080p30 camera, every frame decoded, 5 looks a second, beside a Python program that does the same with
OpenCV and ONNX Runtime: same stream, same model, same engine, one thread each, in the same minutes.

Three times: with ONNX Runtime, with tract, and with ONNX Runtime and libavcodec, which is a build of its own. CPU counts
only for work that was done: both sides' frames and looks are counted over the same window."""

import os
import pathlib
import subprocess
import sys
import time

from edge_builds import LIBAV, build, missing_for_libav
from harness import PORTS, PROGRAMS, ROOT, cpu_shares, python_with, report, rss_mb, say, spread, stack

ROUNDS, SECONDS = 6, 10
LEAST = {"frames": 29.0, "looks": 4.7}
TARGETS = {"cpu_ratio": ("<=", 0.9), "cpu_ratio_libav": ("<=", 0.9), "rss_mb": ("<=", 120), "binary_mb": ("<=", 35)}


def counts(omma, peer):
    """When, and how many frames and looks each side has done by then."""
    if peer.poll() is not None:
        raise RuntimeError(f"the peer has ended (exit {peer.returncode})")
    print(file=peer.stdin, flush=True)
    theirs = [int(count) for count in peer.stdout.readline().split()]
    return time.monotonic(), {"edge": omma.edge_done("decode", "detect"), "peer": theirs}


def measure(engine, programs=PROGRAMS):
    """CPU of the edge and of the peer, side by side, what they did for it, and the edge's memory."""
    footage = pathlib.Path(os.environ["OMMA_FOOTAGE"]) / "hd-high.h264"
    model = pathlib.Path(os.environ["OMMA_MODELS"]) / "nanodet-g-256x416"
    python = python_with("bench-venv", "edge_peer.txt")
    with stack(programs, DEMO_PLAY=f"file:{footage}@30", DEMO_RATE="5", DEMO_GATE="always", DEMO_ENGINE=engine) as omma:
        peer = subprocess.Popen([python, ROOT / "bench" / "edge_peer.py", model / "model.onnx",
                                 f"rtsp://127.0.0.1:{PORTS['RTSP_PORT']}/walkers"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert peer.stdout.readline().strip() == "running", "the peer did not start"
            time.sleep(5)
            edge = omma.pid("edge-agent")
            began, before = counts(omma, peer)
            ours, theirs = cpu_shares([edge, peer.pid], SECONDS, ROUNDS)
            ended, after = counts(omma, peer)
            rates = {f"{side}_{what}_per_second": round((after[side][i] - before[side][i]) / (ended - began), 2)
                     for side in ("edge", "peer") for i, what in enumerate(("frames", "looks"))}
            maps = pathlib.Path(f"/proc/{edge}/maps").read_text()
            ratio = spread([own / peers for own, peers in zip(ours, theirs)])
            measured = {"cpu_ratio": ratio["median"], "cpu_ratio_spread": ratio,
                        "edge_cpu": spread(ours), "peer_cpu": spread(theirs), "rss_mb": round(rss_mb(edge), 1),
                        "decoder": "libavcodec" if "libavcodec" in maps else "openh264"} | rates
            say(f"{engine}: {measured}")
            return measured
        finally:
            peer.kill()
            peer.wait()


def faults(name, measured):
    """Why a measurement says nothing: somebody did less than the work that it is about."""
    rates = [(f"{side}_{what}_per_second", least) for side in ("edge", "peer") for what, least in LEAST.items()]
    found = [f"{name}: {rate} is {measured[rate]}, below {least}" for rate, least in rates if measured[rate] < least]
    decoder = "libavcodec" if name == "libav" else "openh264"
    return found + ([] if measured["decoder"] == decoder else [f"{name}: the edge decodes with {measured['decoder']}"])


def main():
    missing = missing_for_libav()
    if missing:
        say(f"libavcodec is not measured: {', '.join(missing)} not found (`make setup` installs them)")
    build(libav=not missing)
    runs = {"ort": measure("ort"), "tract": measure("tract"), "libav": None if missing else measure("ort", LIBAV)}
    # A run that is void has no ratio; that of tract, which has no target, says nothing against the others.
    void = {name: faults(name, run) for name, run in runs.items() if run}
    of_sound = lambda name, what: runs[name][what] if runs[name] and not void[name] else None
    ratio = lambda name: of_sound(name, "cpu_ratio")
    report("edge", {
        "cpu_ratio": ratio("ort"),
        "cpu_ratio_spread": of_sound("ort", "cpu_ratio_spread"),
        "cpu_ratio_tract": ratio("tract"),
        "cpu_ratio_libav": ratio("libav"),
        "void": void,
        "libav_missing": missing,
        "rss_mb": max(runs["ort"]["rss_mb"], runs["tract"]["rss_mb"]),
        "binary_mb": round((PROGRAMS / "edge-agent").stat().st_size / 1e6, 1),
    } | runs, TARGETS, void["ort"] + void.get("libav", []))


main()
