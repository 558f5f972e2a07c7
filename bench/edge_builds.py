"""The edge as it is installed, and beside it a build with libavcodec: what `edge.py`, `gate.py` and `scale.py` measure."""

import os
import pathlib
import shutil
import subprocess
import sys

from harness import ROOT, say

LIBAV = ROOT / "target" / "bench-libav"


def missing_for_libav():
    """What a build with libavcodec needs and this machine lacks, by the names of Debian's packages."""
    if not shutil.which("pkg-config"):
        return ["pkg-config"]
    has = {f"{library}-dev": subprocess.run(["pkg-config", "--exists", library]).returncode == 0
           for library in ("libavcodec", "libavformat", "libavutil")}
    has["libclang-dev"] = "LIBCLANG_PATH" in os.environ or any(pathlib.Path("/usr/lib").glob("llvm-*/lib/libclang.so"))
    return [package for package, there in has.items() if not there]


def build(libav):
    """Builds the edge alone, as it is installed: in the workspace's build the hub's dependencies switch on a megabyte more
    in its own. The one with libavcodec goes into a folder where `omma-demo` finds its companions."""
    cargo = ["cargo", "build", "--release", "--package", "edge-agent", "--bins"]
    try:
        if libav:
            say("building an edge with libavcodec")
            subprocess.run([*cargo, "--features", "libav"], cwd=ROOT, check=True, stdout=sys.stderr)
            LIBAV.mkdir(exist_ok=True)
            for program in ("omma-demo", "omma-camera", "cloud-hub", "edge-agent"):
                shutil.copy2(ROOT / "target" / "release" / program, LIBAV / program)
    finally:
        subprocess.run(cargo, cwd=ROOT, check=True, stdout=sys.stderr)
