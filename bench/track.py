"""Tracks of identical boxes by our tracker and by the ByteTrack of PyPI's `trackers`, scored with PyPI's `motmetrics`.

Two of the sequences are TUD-Campus and TUD-Stadtmitte, whose truth comes with motmetrics: people who walk past and behind
each other, 640x480, 25 pictures a second. The pictures do not come with it, so that nothing can be detected in them: the
boxes are the truth as a detector would see it. Who is half behind another has a lower score or is missed, all boxes
tremble, and some are of nobody. Twenty different lots of chance for each, scored together.

The third is ten seconds of `vtest`, 768x576, 10 pictures a second: nine persons, three of whom pass each other, one behind a
sign. The boxes are those that the edge's own detector finds in them. Its truth was made for this by eye and is in
`vtest_truth.json`: for each person the left, top, right and bottom of his box in some pictures, counted from 0, between which
they go in a straight line; it was checked in pictures between those. Whoever is hidden in part has a whole box; of one more
only the crown shows above a car, and he has none.

ByteTrack has our score thresholds and, in a second run, its own; for each figure the better one of the two is what ours
is compared with. The gains are those of the sequence where ours gains least, in the pictures as they were filmed.
`at_5_per_second` has every fifth picture of them, or every second, which is how seldom an edge looks."""

import collections
import json
import os
import pathlib
import random
import subprocess
import tempfile

from harness import PROGRAMS, ROOT, python_with, report, say, spread

WIDTH, HEIGHT, RATE = 640, 480, 25
VTEST_FIRST, VTEST_LAST, VTEST_RATE = 600, 700, 10
SEEDS, RUNS = range(100, 120), 3  # those below 60 were looked at while the tracker was made
MIN_SCORE = 0.5  # as a camera has it that says nothing else
# What our tracker takes at that: the edge's detector leaves out what is below.
LEAST_SCORE = 0.8 * MIN_SCORE
TARGETS = {"idf1_gain": (">=", 0), "mota_gain": (">=", 0), "time_ratio": ("<=", 0.1)}


def tud_truth(python, name):
    """Frame → the persons' (id, (left, top, width, height)), in pixels."""
    home = subprocess.run([python, "-c", "import motmetrics; print(motmetrics.__path__[0])"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout.strip()
    frames = collections.defaultdict(list)
    for line in (pathlib.Path(home) / "data" / name / "gt.txt").read_text().splitlines():
        frame, person, *box = line.split(",")
        frames[int(frame)].append((int(person), tuple(float(side) for side in box[:4])))
    return frames


def covered(box, others):
    """How much of a box somebody hides who stands nearer, which is lower in the picture."""
    left, top, width, height = box
    most = 0.0
    for x, y, w, h in others:
        if y + h > top + height:
            across = min(left + width, x + w) - max(left, x)
            down = min(top + height, y + h) - max(top, y)
            most = max(most, max(across, 0) * max(down, 0) / (width * height))
    return most


def seen(people, dice):
    """What a detector would see of the people of one frame: boxes and scores."""
    boxes = [box for _, box in people]
    found = []
    for box in boxes:
        left, top, width, height = box
        hidden = covered(box, [other for other in boxes if other is not box])
        if dice.random() < 0.08 + 0.8 * max(hidden - 0.3, 0):
            continue
        score = dice.gauss(0.75 - 0.5 * hidden, 0.12)
        found.append(((left + dice.gauss(0, 0.04 * width), top + dice.gauss(0, 0.04 * height),
                       width * (1 + dice.gauss(0, 0.05)), height * (1 + dice.gauss(0, 0.05))), score))
    if dice.random() < 0.15:
        height = dice.uniform(60, 250)
        width = 0.4 * height
        left, top = dice.uniform(0, WIDTH - width), dice.uniform(0, HEIGHT - height)
        found.append(((left, top, width, height), dice.gauss(0.42, 0.12)))
    return [(box, min(score, 0.95)) for box, score in found if score >= LEAST_SCORE]


def write(path, frames):
    """`frames`: for each, the lines' id, box and score."""
    lines = [f"{n},{who}," + ",".join(f"{side:.2f}" for side in box) + f",{score:.4f}"
             for n, frame in enumerate(frames, 1) for who, box, score in frame]
    path.write_text("\n".join(lines) + "\n")


class Case:
    """A sequence with its boxes, in files. `frames`: for each, the persons as in a truth, and the (box, score) found."""

    def __init__(self, folder, frames, size, rate):
        self.folder, self.frames, self.size, self.rate = folder, len(frames), size, rate
        folder.mkdir(parents=True)
        write(folder / "truth", [[(who, box, 1) for who, box in people] for people, _ in frames])
        write(folder / "boxes", [[(-1, box, score) for box, score in found] for _, found in frames])

    def follow(self, command, name, *more):
        """Has the boxes followed. Microseconds a frame."""
        out = subprocess.run([*command, "track", "--size", self.size, "--rate", str(self.rate), "--frames",
                              str(self.frames), "--runs", str(RUNS), *more, "--out", self.folder / name,
                              self.folder / "boxes"], stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(out.stdout)["microseconds_per_frame"]


def tud(python, folder, name, step):
    """The cases of a sequence of TUD: one for each lot of chance."""
    truth, cases = tud_truth(python, name), []
    for seed in SEEDS:
        dice = random.Random(seed)
        frames = [(truth.get(n, []), seen(truth.get(n, []), dice)) for n in range(1, max(truth) + 1)]
        cases.append(Case(folder / str(seed), frames[seed % step::step], f"{WIDTH}x{HEIGHT}", RATE / step))
    return cases


def between(keys, n):
    """A person's box in a picture. None before he came and after he left."""
    known = sorted(int(key) for key in keys)
    for first, last in zip(known, known[1:]):
        if first <= n <= last:
            share = (n - first) / (last - first)
            left, top, right, bottom = (a + (b - a) * share for a, b in zip(keys[str(first)], keys[str(last)]))
            return left, top, right - left, bottom - top
    return None


def vtest(folder, step):
    """The cases of vtest: one for each picture that it may begin with."""
    folder.mkdir(parents=True)
    models, footage = (pathlib.Path(os.environ[name]) for name in ("OMMA_MODELS", "OMMA_FOOTAGE"))
    out = subprocess.run([PROGRAMS / "omma-mot", "detect", "--model", models / "nanodet-g-256x416", "--onnxruntime",
                          os.environ["OMMA_ONNXRUNTIME"], "--min-score", str(MIN_SCORE), "--out", folder / "boxes",
                          footage / "vtest.h264"], stdout=subprocess.PIPE, text=True, check=True)
    film, found = json.loads(out.stdout), collections.defaultdict(list)
    for line in (folder / "boxes").read_text().splitlines():
        frame, _, *box, score = line.split(",")
        found[int(frame) - 1].append((tuple(float(side) for side in box), float(score)))
    people = json.loads((ROOT / "bench" / "vtest_truth.json").read_text())
    frames = []
    for n in range(VTEST_FIRST, VTEST_LAST + 1):
        there = [(who, between(keys, n)) for who, keys in enumerate(people.values(), 1)]
        frames.append(([(who, box) for who, box in there if box], found[n]))
    size = f"{film['width']}x{film['height']}"
    return [Case(folder / str(first), frames[first::step], size, VTEST_RATE / step) for first in range(step)]


def measure(python, name, cases):
    """One sequence: the scores of each tracker, and the times of each case."""
    peer = [python, ROOT / "bench" / "track_peer.py"]
    least = ("--min-score", str(MIN_SCORE))
    ours = [case.follow([PROGRAMS / "omma-mot"], "ours", *least) for case in cases]
    theirs = [case.follow(peer, "peer", *least) for case in cases]
    for case in cases:
        case.follow(peer, "peer_defaults")
    scores = {}
    for tracker in ("ours", "peer", "peer_defaults"):
        out = subprocess.run([*peer, "score", tracker, *(case.folder for case in cases)], stdout=subprocess.PIPE, text=True,
                             check=True)
        scores[tracker] = json.loads(out.stdout)
        say(f"{name}: {tracker} {scores[tracker]}")
    gain = lambda figure: round(scores["ours"][figure] - max(scores[t][figure] for t in ("peer", "peer_defaults")), 4)
    return {"idf1_gain": gain("idf1"), "mota_gain": gain("mota"), "scores": scores,
            "microseconds_per_frame": {"ours": spread(ours), "peer": spread(theirs)},
            "time_ratio": spread([a / b for a, b in zip(ours, theirs)])}


def main():
    python = python_with("bench-track-venv", "track_peer.txt")
    with tempfile.TemporaryDirectory() as folder:
        folder, runs = pathlib.Path(folder), {}
        for rate, tud_step, vtest_step in (("filmed", 1, 1), ("seldom", 5, 2)):
            cases = {name: tud(python, folder / rate / name, name, tud_step) for name in ("TUD-Campus", "TUD-Stadtmitte")}
            cases["vtest"] = vtest(folder / rate / "vtest", vtest_step)
            runs[rate] = {name: measure(python, f"{name}, {rate}", those) for name, those in cases.items()}
    filmed, seldom = runs["filmed"], runs["seldom"]
    worst = lambda runs: {"idf1_gain": min(run["idf1_gain"] for run in runs.values()),
                          "mota_gain": min(run["mota_gain"] for run in runs.values()),
                          "time_ratio": max(run["time_ratio"]["median"] for run in runs.values())}
    report("track", worst(filmed) | {"seeds": len(SEEDS), "sequences": filmed,
                                     "at_5_per_second": worst(seldom) | {"sequences": seldom}}, TARGETS)


main()
