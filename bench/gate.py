"""The gate on the real edge: who walks past is seen, soon enough, and where nobody is it costs next to nothing.

Single persons of `vtest` walk over its empty scene, coded as four kinds of camera do: variable bit rate, much noise, strict
constant bit rate, and a sub-stream. Each film is played to two cameras of one edge: one with the gate, and one that decodes
everything and detects five times a second, whose tracks that moved are the truth. The first time round the gate learns;
the second time counts. One kind after the other: all at once keep the one detector so busy that its queue is what is
measured. Films have other walkers for tuning (`GATE_PART=tuning`) and for checking: the figures are the worst kind's of checking.

- `recall`: of the frames in which the other camera followed somebody, how many the gate had looked at, looking back included
- `first_box_delay_ms`: from the capture of the frame in which the other camera first followed somebody to when the gated one
  told of him; `promises_kept`: how many of these kept what the gate promised in `/state` at that time
- `vbr_promised_300_ms`: of how many first boxes at variable bit rate it promised 300 ms, since less is kept more easily; each
  kind's own is `promised_300_ms`
- `ungated_again`: the same of the ungated camera beside itself one time round before. A film has an odd number of pictures, so that
  its looks fell on the others: what looking at these or those changes, without any gate. Where somebody is found in every second
  picture only, it is luck
- `saving`: CPU of the two cameras' own threads over an empty scene, as a ratio; `saving_libav`: the same of a build with
  libavcodec, since nearly all of what the gate costs there is the decoding of key pictures
- `idle_cpu_percent`: of the whole edge, of one core, for a camera of 1080p at 30 pictures a second that nobody watches, with
  a sub-stream that is looked at; `saving_1080p`: beside an edge that decodes that and detects five times a second

`GATE_FILMS=FOLDER` plays films of your own in place of all that, each coded anew as a camera codes, without B-frames and with
a key picture every two seconds: `recall`, `first_box_delay_ms` and `promises_kept` of them, in twice their length. The learning
takes 12 s, so that a film should be longer, and somewhere in it nobody should be there. Those in which the other camera follows nobody
are named (`nobody_in`) and left out of the figures."""

import ast
import bisect
import contextlib
import hashlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

from edge_builds import LIBAV, build, missing_for_libav
from edge_world import edge_world
from harness import EDGE, PORTS, PROGRAMS, ROOT, ask, cpu_shares, python_with, quantiles, report, say, spread

PART = os.environ.get("GATE_PART", "checking")
KINDS, RATE, FPS = ("vbr", "noisy", "cbr", "sub"), 5, 10
PICTURE_US = 1_000_000 / FPS
GATED, ALL = (f'placement = "edge"\nrate = {RATE}.0\ngate = "{gate}"\n' for gate in ("gated", "always"))
SETTLE, WATCH, ROUNDS = 120, 20, 3
# As long without anybody makes the next one another appearance.
APART = 2 * FPS
PROMPT_MS = 300
TARGETS = {"recall": (">=", 0.98), "promises_kept": (">=", 0.95), "idle_cpu_percent": ("<=", 1), "saving": (">=", 15),
           "saving_libav": (">=", 15), "saving_1080p": (">=", 15)}


def has_video(file):
    out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=codec_type", "-of", "csv=p=0",
                          file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return out.stdout.strip() == "video"


def own_films(source, folder):
    """Films of somebody's own as a camera at variable bit rate sends them: how many pictures each has, by its new name."""
    counts = {}
    for film in sorted(path for path in source.iterdir() if path.is_file()):
        if not has_video(film):
            say(f"{film.name}: left out, there is no video in it")
            continue
        name = "own-" + re.sub("[^a-z0-9]+", "-", film.stem.lower()).strip("-")[:32] + ".h264"
        if name in counts:
            raise RuntimeError(f"{film.name}: another film has that name, or one that begins like it")
        quiet = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
        subprocess.run(["ffmpeg", *quiet, "-i", film, "-an", "-vf", f"fps={FPS},format=yuv420p", "-c:v", "libx264", "-preset",
                        "veryfast", "-profile:v", "main", "-crf", "26", "-bf", "0", "-refs", "1", "-g", str(2 * FPS),
                        "-keyint_min", str(2 * FPS), "-sc_threshold", "0", "-f", "h264", folder / name], check=True)
        out = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries",
                              "stream=nb_read_packets", "-of", "csv=p=0", folder / name], stdout=subprocess.PIPE, text=True,
                             check=True)
        counts[name] = int(out.stdout)
    if not counts:
        raise RuntimeError(f"there is no film in {source}")
    return counts


def clips():
    """The folder of the films, and how many pictures each has. Made once."""
    folder, footage = ROOT / ".omma" / "bench-gate", pathlib.Path(os.environ["OMMA_FOOTAGE"])
    maker = ROOT / "bench" / "gate_clips.py"
    model = pathlib.Path(os.environ["OMMA_MODELS"]) / "nanodet-g-416x640"
    stamp = hashlib.sha256(maker.read_bytes() + (footage / "vtest.h264").read_bytes()).hexdigest()
    if not (folder / "stamp").exists() or (folder / "stamp").read_text() != stamp:
        say("making the films, some minutes")
        folder.mkdir(parents=True, exist_ok=True)
        out = subprocess.run([PROGRAMS / "omma-mot", "detect", "--model", model, "--onnxruntime",
                              os.environ["OMMA_ONNXRUNTIME"], "--out", folder / "boxes", footage / "vtest.h264"],
                             stdout=subprocess.PIPE, text=True, check=True)
        film = json.loads(out.stdout)
        subprocess.run([PROGRAMS / "omma-mot", "track", "--size", f"{film['width']}x{film['height']}", "--rate", str(FPS),
                        "--frames", str(film["frames"]), "--out", folder / "tracks", folder / "boxes"], check=True,
                       stdout=subprocess.DEVNULL)
        python = python_with("bench-venv", "edge_peer.txt")
        subprocess.run([python, maker, footage / "vtest.mp4", folder / "tracks", folder], check=True)
        (folder / "stamp").write_text(stamp)
    return folder, json.loads((folder / "pictures.json").read_text())


class Looks:
    """What one camera looked at: by the number of the picture since its film began, all times round counted."""

    def __init__(self, seen):
        self.seen = seen  # picture → ([(track, box)], when that was told, in pictures)

    @classmethod
    def of(cls, camera, began, lines):
        first, wall = began[camera]
        place = lambda us: first + (us - wall) / PICTURE_US
        seen = {}
        for line in lines:
            if line["camera"] == camera:
                told = place(line["time"] + line["took_ms"] * 1000)
                tracks = [(who, box) for who, *box in ast.literal_eval(line["boxes"])]
                seen[round(place(line["time"]))] = (tracks, told)
        return cls(seen)

    def later(self, count):
        """The same, as if all had been so many pictures later."""
        return Looks({n + count: (boxes, told + count) for n, (boxes, told) in self.seen.items()})

    def within(self, begin, end):
        return {n: seen for n, seen in self.seen.items() if begin <= n < end}


def moving(seen):
    """The tracks that got further than their own width: track → picture → box."""
    tracks = {}
    for n, (boxes, _) in sorted(seen.items()):
        for who, box in boxes:
            tracks.setdefault(who, {})[n] = box
    centres = lambda boxes: [(x + w / 2, y + h / 2) for x, y, w, h in boxes.values()]
    reach = lambda boxes: max(max(abs(x - X), abs(y - Y)) for X, Y in centres(boxes)[:1] for x, y in centres(boxes))
    return {who: boxes for who, boxes in tracks.items() if reach(boxes) > max(box[2] for box in boxes.values())}


def overlap(a, b):
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(across, 0) * max(down, 0)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def judge(gated, truth, begin, end, promises):
    """Recall and delays of one kind, between two pictures."""
    tracks = moving(truth.within(begin, end))
    held = sorted({n for boxes in tracks.values() for n in boxes})
    looked = sum(any(n + d in gated.seen for d in (-1, 0, 1)) for n in held)
    appearances = [n for before, n in zip([-APART, *held], held) if n - before >= APART]
    delays, late, promised = [], [], []
    for n, following in zip(appearances, [*appearances[1:], end]):
        his = {m: box for boxes in tracks.values() for m, box in boxes.items() if n <= m < following}
        near = lambda m: his[min(his, key=lambda other: abs(other - m))]
        told = [told for m, (boxes, told) in gated.seen.items() if n - APART < m < following
                and any(overlap(box, near(m)) > 0.3 for _, box in boxes)]
        delay = (min(told) - n) * 1000 / FPS if told else None
        delays.append(delay)
        gate = promises[max(bisect.bisect_right([at for at, _ in promises], n) - 1, 0)][1]
        promised.append(gate["promise_ms"])
        if delay is None or delay > gate["promise_ms"]:
            late.append({"picture": n, "delay_ms": delay} | gate)
    return {"recall": round(looked / len(held), 4) if held else None, "frames": len(held), "appearances": len(appearances),
            "found": sum(delay is not None for delay in delays), "first_box_delay_ms": quantiles(delays),
            "promises_kept": round(1 - len(late) / len(appearances), 4) if appearances else None,
            "promised_300_ms": sum(promise <= PROMPT_MS for promise in promised),
            "promises_ms": sorted({gate["promise_ms"] for _, gate in promises}), "late": late}


def walk(folder, films, pictures, part, kind):
    """One edge with a gated and an ungated camera of one kind, twice round its film."""
    names = {kind: GATED, f"{kind}-a": ALL}
    scenes = {name: f"file:{films}/{part}-{kind}.h264@{FPS}" for name in names}
    cameras = {name: (name, settings) for name, settings in names.items()}
    count, promised = pictures[f"{part}-{kind}.h264"], []
    with edge_world(folder / kind, scenes, cameras, "info,edge_agent::analysis=trace", "info,omma_testkit=debug") as world:
        world.until_live()
        end = time.monotonic() + 2.05 * count / FPS
        say(f"{part} {kind}: {end - time.monotonic():.0f} s")
        while time.monotonic() < end:
            world.check()
            for camera in json.loads(ask(f"{EDGE}/state", timeout=60))["cameras"]:
                if camera["camera"] == kind and camera.get("gate"):
                    promised.append((time.time() * 1e6, camera["gate"]))
            time.sleep(2)
        began, again = {}, []
        for line in world.log("camera"):
            if found := re.search(r"a player begins camera=(\S+) picture=(\d+) wall_us=(\d+)", line):
                again += [found[1]] if found[1] in began else []
                began[found[1]] = int(found[2]), int(found[3])
        lines = [json.loads(line)["fields"] for line in world.log() if '"message":"looked"' in line]
    first, wall = began[kind]
    promises = [(first + (at - wall) / PICTURE_US, promise) for at, promise in promised]
    truth = Looks.of(f"{kind}-a", began, lines)
    run = judge(Looks.of(kind, began, lines), truth, count, 2 * count, promises)
    if count % 2:
        luck = judge(truth.later(count), truth, count, 2 * count, [(0, {"promise_ms": PROMPT_MS})])
        run["ungated_again"] = {"found": luck["found"], "first_box_delay_ms": luck["first_box_delay_ms"],
                                "within_300_ms": luck["promises_kept"]}
    say(f"{part} {kind}: {run}")
    return run, [f"{part}: the camera {name} connected twice" for name in again]


def thread_seconds(pid):
    """CPU seconds of each thread so far, by its name."""
    seconds = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread may end meanwhile
            name = (task / "comm").read_text().strip()
            seconds[name] = seconds.get(name, 0) + int((task / "schedstat").read_text().split()[0]) / 1e9
    return seconds


def savings(folder, films, programs=PROGRAMS):
    """How many times less work the gate is over an empty scene, by kind."""
    names = [(kind, name, settings) for kind in KINDS for name, settings in ((kind, GATED), (f"{kind}-a", ALL))]
    scenes = {name: f"file:{films}/empty-{kind}.h264@{FPS}" for kind, name, _ in names}
    cameras = {name: (name, settings) for _, name, settings in names}
    with edge_world(folder, scenes, cameras, programs=programs) as world:
        world.until_live()
        time.sleep(SETTLE)
        rounds = [thread_seconds(world.pid())]
        for _ in range(ROUNDS):
            time.sleep(WATCH)
            rounds.append(thread_seconds(world.pid()))
    took = lambda name: [after[f"look {name}"] - before[f"look {name}"] for before, after in zip(rounds, rounds[1:])]
    return {kind: {"saving": round(sum(took(f"{kind}-a")) / sum(took(kind)), 1),
                   "gated_cpu_percent": spread([100 * seconds / WATCH for seconds in took(kind)]),
                   "always_cpu_percent": spread([100 * seconds / WATCH for seconds in took(f"{kind}-a")])} for kind in KINDS}


def idle(folder, films, name, cameras, settle):
    """Percent of a core that an edge takes with these cameras of an empty scene."""
    scenes = {"main": f"file:{films}/empty-hd.h264@30", "sub": f"file:{films}/empty-sub.h264@{FPS}"}
    with edge_world(folder / name, scenes, cameras) as world:
        world.until_live()
        time.sleep(settle)
        [cpu] = cpu_shares([world.pid()], WATCH, ROUNDS)
        return spread([100 * share for share in cpu])


def worst(walks, figure, least):
    return least((run[figure] for run in walks.values() if run[figure] is not None), default=None)


def share(part, whole):
    return round(part / whole, 4) if whole else None


def told(walks):
    """What the walks of several films say together, and why that can't be believed."""
    delays = [run["first_box_delay_ms"]["p95"] for run in walks.values() if run["first_box_delay_ms"]]
    figures = {"recall": worst(walks, "recall", min), "first_box_delay_ms": max(delays, default=None),
               "promises_kept": worst(walks, "promises_kept", min)}
    return figures, [f"nobody was there to be seen: {kind}" for kind, run in walks.items() if not run["frames"]]


def own(source):
    """The figures of films of somebody's own."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        walks, faults, pictures = {}, [], own_films(source, folder)
        for name in pictures:
            kind = name.removeprefix("own-").removesuffix(".h264")
            walks[kind], more = walk(folder, folder, pictures, "own", kind)
            faults += more
    # A film in which even the ungated camera follows nobody says nothing of the gate.
    empty = [kind for kind, run in walks.items() if not run["frames"]]
    figures, more = told({kind: run for kind, run in walks.items() if run["frames"]} or walks)
    report("gate", figures | {"part": "own", "nobody_in": empty, "walks": walks},
           {name: TARGETS[name] for name in ("recall", "promises_kept")}, faults + more)


def main():
    if source := os.environ.get("GATE_FILMS"):
        return own(pathlib.Path(source))
    films, pictures = clips()
    missing = missing_for_libav()
    if missing:
        say(f"libavcodec is not measured: {', '.join(missing)} not found (`make setup` installs them)")
    build(libav=not missing)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        walks, faults = {}, []
        for kind in KINDS:
            walks[kind], more = walk(folder, films, pictures, PART, kind)
            faults += more
        saved = savings(folder / "empty", films)
        saved_libav = {} if missing else savings(folder / "empty-libav", films, LIBAV)
        sub = f'sub_url = "rtsp://127.0.0.1:{PORTS["RTSP_PORT"]}/sub"\n'
        gated = idle(folder, films, "idle", {"main": ("main", GATED + sub)}, SETTLE)
        full = idle(folder, films, "full", {"main": ("main", ALL)}, 20)
    figures, more = told(walks)
    vbr = walks["vbr"]
    figures["vbr_promised_300_ms"] = {"first_boxes": vbr["promised_300_ms"], "of": vbr["appearances"],
                                      "share": share(vbr["promised_300_ms"], vbr["appearances"])}
    report("gate", figures | {
        "idle_cpu_percent": gated["median"],
        "saving": min(run["saving"] for run in saved.values()),
        "saving_libav": min((run["saving"] for run in saved_libav.values()), default=None),
        "saving_1080p": round(full["median"] / gated["median"], 1),
        "idle_cpu_percent_spread": gated, "always_1080p_cpu_percent_spread": full,
        "part": PART, "walks": walks, "empty": saved,
        "empty_libav": saved_libav, "libav_missing": missing,
    }, TARGETS, faults + more)


main()
