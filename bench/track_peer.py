"""The other half of the track benchmark, in a Python that has its packages: the ByteTrack of `trackers`, and motmetrics.

    track --size WxH --rate R --frames N --runs N [--min-score S] --out TRACKS BOXES    as `omma-mot track` does it
    score TRACKER FOLDER...    scores the file TRACKER of each folder against its `truth`, all together"""

import argparse
import collections
import json
import pathlib
import statistics
import time
import warnings

import numpy as np

np.asfarray = lambda values: np.asarray(values, float)  # motmetrics 1.4.0 asks for it, NumPy 2 has it no more
warnings.filterwarnings("ignore", category=FutureWarning)


def read(path):
    """Frame → (id, (left, top, width, height), score)."""
    frames = collections.defaultdict(list)
    for line in filter(None, path.read_text().splitlines()):
        frame, who, *box, score = line.split(",")[:7]
        frames[int(frame)].append((int(who), tuple(map(float, box)), float(score)))
    return frames


def track(args):
    import supervision
    from trackers import ByteTrackTracker

    boxes, times, lines = read(args.boxes), [], []
    given = []
    for n in range(1, args.frames + 1):
        corners = [(x, y, x + w, y + h) for _, (x, y, w, h), _ in boxes[n]]
        given.append((np.array(corners, float).reshape(-1, 4), np.array([score for *_, score in boxes[n]], float)))
    ours = {} if args.min_score is None else {"track_activation_threshold": args.min_score,
                                              "high_conf_det_threshold": args.min_score,
                                              "lost_track_buffer": 45}  # 1.5 s of 30 frames a second
    for _ in range(args.runs):
        tracker, took, lines = ByteTrackTracker(frame_rate=args.rate, **ours), 0.0, []
        for n, (corners, scores) in enumerate(given, 1):
            detections = supervision.Detections(xyxy=corners.copy(), confidence=scores.copy(),
                                                class_id=np.zeros(len(scores), int))
            began = time.perf_counter()
            found = tracker.update(detections)
            took += time.perf_counter() - began
            for who, (left, top, right, bottom) in zip(found.tracker_id, found.xyxy):
                if who >= 0:  # else it is not, or not yet, a track
                    lines.append(f"{n},{who},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},1")
        times.append(took / args.frames * 1e6)
    args.out.write_text("\n".join(lines) + "\n")
    print(json.dumps({"microseconds_per_frame": statistics.median(times)}))


def score(args):
    import motmetrics

    accumulators = []
    for folder in args.folders:
        truth, tracks = read(folder / "truth"), read(folder / args.tracker)
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for n in range(1, max([*truth, *tracks]) + 1):
            distances = motmetrics.distances.iou_matrix([b for _, b, _ in truth[n]], [b for _, b, _ in tracks[n]], max_iou=0.5)
            accumulator.update([who for who, *_ in truth[n]], [who for who, *_ in tracks[n]], distances)
        accumulators.append(accumulator)
    names = [str(n) for n in range(len(accumulators))]
    metrics = ["idf1", "mota", "num_switches", "num_misses", "num_false_positives", "num_objects"]
    table = motmetrics.metrics.create().compute_many(accumulators, metrics=metrics, names=names, generate_overall=True)
    print(json.dumps({metric: round(float(table.loc["OVERALL", metric]), 4) for metric in metrics}))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("track")
    one.set_defaults(run=track)
    one.add_argument("--size")  # in pixels the boxes are taken as they are
    one.add_argument("--rate", type=float, required=True)
    one.add_argument("--frames", type=int, required=True)
    one.add_argument("--runs", type=int, default=1)
    one.add_argument("--min-score", type=float)
    one.add_argument("--out", type=pathlib.Path, required=True)
    one.add_argument("boxes", type=pathlib.Path)
    one = commands.add_parser("score")
    one.set_defaults(run=score)
    one.add_argument("tracker")
    one.add_argument("folders", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    args.run(args)


main()
