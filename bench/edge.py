"""The edge on one 1080p30 camera, every frame decoded, 5 looks a second, beside a Python program that does the same with
OpenCV and ONNX Runtime: same stream, same model, same engine, one thread each, in the same minutes."""

import os
import pathlib
import subprocess
import sys
import time

from harness import PORTS, PROGRAMS, ROOT, cpu_shares, report, rss_mb, say, spread, stack

ROUNDS, SECONDS = 6, 10
VENV = ROOT / ".omma" / "bench-venv"


def python_with_opencv():
    """A Python with the peer's packages, pinned."""
    python = VENV / "bin" / "python"
    want = ["opencv-python-headless==4.12.0.88", "onnxruntime==1.31.1", "numpy<2.3"]
    stamp = VENV / ".packages"
    if not stamp.exists() or stamp.read_text() != repr(want):
        say(f"installing {' '.join(want)} with pip")
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *want], check=True, stdout=sys.stderr)
        stamp.write_text(repr(want))
    return python


def measure(engine):
    """CPU of the edge and of the peer, side by side, and the edge's memory."""
    footage = pathlib.Path(os.environ["OMMA_FOOTAGE"]) / "hd-high.h264"
    model = pathlib.Path(os.environ["OMMA_MODELS"]) / "nanodet-g-256x416"
    with stack(DEMO_PLAY=f"file:{footage}@30", DEMO_RATE="5", DEMO_ENGINE=engine) as omma:
        peer = subprocess.Popen([python_with_opencv(), ROOT / "bench" / "edge_peer.py", model / "model.onnx",
                                 f"rtsp://127.0.0.1:{PORTS['RTSP_PORT']}/walkers"], stdout=subprocess.PIPE, text=True)
        try:
            assert peer.stdout.readline().strip() == "running", "the peer did not start"
            time.sleep(5)
            edge = omma.pid("edge-agent")
            ours, theirs = cpu_shares([edge, peer.pid], SECONDS, ROUNDS)
            say(f"{engine}: edge {spread(ours)} peer {spread(theirs)}")
            peer.terminate()
            looks = peer.communicate(timeout=20)[0].split()
            return {"edge_cpu": spread(ours), "peer_cpu": spread(theirs), "rss_mb": round(rss_mb(edge), 1),
                    "cpu_ratio": round(spread(ours)["median"] / spread(theirs)["median"], 3),
                    "peer_looks_per_second": float(looks[0]), "peer_frames_per_second": float(looks[1])}
        finally:
            peer.kill()


def main():
    ort, tract = measure("ort"), measure("tract")
    report("edge", {
        "cpu_ratio": ort["cpu_ratio"],
        "cpu_ratio_tract": tract["cpu_ratio"],
        "rss_mb": max(ort["rss_mb"], tract["rss_mb"]),
        "binary_mb": round((PROGRAMS / "edge-agent").stat().st_size / 1e6, 1),
        "targets": {"cpu_ratio": 0.9, "rss_mb": 120, "binary_mb": 35},
        "ort": ort,
        "tract": tract,
    })


main()
