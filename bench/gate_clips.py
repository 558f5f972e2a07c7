"""Makes what the gate benchmark plays, in a Python with OpenCV: single walkers of `vtest` over its empty scene, with empty
stretches between, coded as cameras code.

    gate_clips.py FILM TRACKS OUT    FILM: vtest.mp4; TRACKS: its persons, as `omma-mot track` writes them; OUT: a folder

    OUT/tuning-KIND.h264, checking-KIND.h264   each with other walkers
    OUT/empty-KIND.h264, empty-hd.h264         nobody at all
    OUT/pictures.json                          how many pictures each film has: an odd number, those with walkers"""

import collections
import json
import pathlib
import subprocess
import sys

import cv2
import numpy as np

EMPTY, LONGEST = 80, 70
# A film has at most as many walkers, and at least; one as he is, the next smaller, fainter, both.
MOST, LEAST, LOOKS = 8, 4, ((1.0, 1.0), (0.7, 1.0), (1.0, 0.6), (0.6, 0.8))
PICTURES = 400
CAMERA = ("ref=1:bframes=0:weightp=0:mbtree=0:rc-lookahead=0:sync-lookahead=0:scenecut=0:aq-mode=0:threads=1:"
          "sliced-threads=0:keyint={gop}:min-keyint={gop}")
KINDS = {
    "vbr": ("noise=alls=4:allf=t:all_seed=1", ["-crf", "26"]),
    "noisy": ("noise=alls=16:allf=t:all_seed=1", ["-crf", "30"]),
    "cbr": ("noise=alls=8:allf=t:all_seed=1", ["-b:v", "340k", "-maxrate", "340k", "-bufsize", "170k"]),
    "sub": ("scale=640:360,noise=alls=8:allf=t:all_seed=1", ["-b:v", "205k", "-maxrate", "205k", "-bufsize", "100k"]),
}


def read_film(path):
    film, pictures = cv2.VideoCapture(str(path)), []
    while True:
        there, picture = film.read()
        if not there:
            return pictures
        pictures.append(picture)


def read_tracks(path):
    """Track → {picture: (left, top, right, bottom)}."""
    tracks = collections.defaultdict(dict)
    for line in path.read_text().splitlines():
        frame, who, left, top, width, height = (float(part) for part in line.split(",")[:6])
        tracks[int(who)][int(frame) - 1] = (left, top, left + width, top + height)
    return tracks


def apart(box, others):
    """Whether no other box comes near."""
    left, top, right, bottom = box
    return all(right + 12 < l or r + 12 < left or bottom + 6 < t or b + 6 < top for l, t, r, b in others)


def walkers(tracks):
    """Who walks alone for 2.5 s and gets somewhere: the boxes of successive pictures, longest first."""
    by_frame = collections.defaultdict(list)
    for track in tracks.values():
        for n, box in track.items():
            by_frame[n].append(box)
    found = []
    for track in tracks.values():
        numbers = range(min(track), max(track) + 1)
        # Where he was missed, between where he was found.
        sides = [np.interp(numbers, sorted(track), [track[n][side] for n in sorted(track)]) for side in range(4)]
        boxes = {n: tuple(side[n - numbers[0]] for side in sides) for n in numbers}
        run = []
        for n in [*numbers, None]:
            others = [] if n is None else [box for box in by_frame[n] if box != track.get(n)]
            if n is not None and apart(boxes[n], others) and len(run) < LONGEST:
                run.append((n, boxes[n]))
                continue
            if len(run) >= 25 and abs(run[-1][1][0] - run[0][1][0]) > 60:
                found.append(run)
            run = []
    return sorted(found, key=len, reverse=True)


def paste(picture, scene, box, size, strength):
    """The scene with the person of `box` in `picture`, in another size and fainter."""
    height, width = scene.shape[:2]
    left, top, right, bottom = box
    across, down = 0.15 * (right - left), 0.08 * (bottom - top)
    left, top = int(max(0, left - across)), int(max(0, top - down))
    right, bottom = int(min(width, right + across)), int(min(height, bottom + down))
    person, behind = (whole[top:bottom, left:right].astype(np.float32) for whole in (picture, scene))
    mask = cv2.GaussianBlur((np.abs(person - behind).max(2) > 18).astype(np.float32), (9, 9), 0) * strength
    w, h = max(4, int((right - left) * size)), max(6, int((bottom - top) * size))
    person, mask = (cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA) for part in (person, mask))
    # Smaller is further away, up the picture.
    x = min(max(0, int(0.45 * width + (left - 0.45 * width) * size)), width - w)
    y = min(max(0, int(0.7 * height + (top - 0.7 * height) * size)), height - h)
    whole, mask = scene.copy(), mask[..., None]
    part = whole[y:y + h, x:x + w].astype(np.float32)
    whole[y:y + h, x:x + w] = (part * (1 - mask) + person * mask).astype(np.uint8)
    return whole


def film_of(runs, pictures, scene):
    yield from [scene] * EMPTY
    for n, run in enumerate(runs):
        size, strength = LOOKS[n % len(LOOKS)]
        for number, box in run:
            yield paste(pictures[number], scene, box, size, strength)
        yield from [scene] * EMPTY
    # Round and round, looks at every second picture then are at the others.
    if (EMPTY + sum(len(run) + EMPTY for run in runs)) % 2 == 0:
        yield scene


def code(pictures, rate, gop, profile, filters, options, path):
    """Codes pictures of one size. How many they were."""
    count, ffmpeg = 0, None
    for picture in pictures:
        if ffmpeg is None:
            size = f"{picture.shape[1]}x{picture.shape[0]}"
            ffmpeg = subprocess.Popen(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo",
                                       "-pix_fmt", "yuv420p", "-s", size, "-r", str(rate), "-i", "-", "-vf", filters, "-c:v",
                                       "libx264", "-preset", "veryfast", "-x264-params", CAMERA.format(gop=gop), *options,
                                       "-profile:v", profile, "-f", "h264", path], stdin=subprocess.PIPE)
        ffmpeg.stdin.write(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes())
        count += 1
    ffmpeg.stdin.close()
    if ffmpeg.wait():
        sys.exit(f"gate_clips: ffmpeg could not code {path}")
    return count


def main():
    film, tracks, out = map(pathlib.Path, sys.argv[1:])
    cv2.setNumThreads(1)
    pictures = read_film(film)
    scene = np.median(np.stack(pictures[::12]), axis=0).astype(np.uint8)
    found = walkers(read_tracks(tracks))
    if len(found) < 2 * LEAST:
        sys.exit(f"gate_clips: only {len(found)} walk alone in {film}, {2 * LEAST} are needed")
    counts = {}
    for kind, (filters, options) in KINDS.items():
        for part, first in (("tuning", 0), ("checking", 1)):
            runs = found[first::2][:MOST]
            name = f"{part}-{kind}.h264"
            counts[name] = code(film_of(runs, pictures, scene), 10, 20, "main", filters, options, out / name)
        name = f"empty-{kind}.h264"
        counts[name] = code([scene] * PICTURES, 10, 20, "main", filters, options, out / name)
    large = cv2.resize(scene, (1920, 1440), interpolation=cv2.INTER_CUBIC)[:1080]
    counts["empty-hd.h264"] = code([large] * 600, 30, 60, "high", "noise=alls=6:allf=t:all_seed=1",
                                   ["-b:v", "4M", "-maxrate", "5M", "-bufsize", "4M"], out / "empty-hd.h264")
    (out / "pictures.json").write_text(json.dumps(counts))


main()
