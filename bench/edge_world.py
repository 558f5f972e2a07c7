"""Simulated cameras, a broker and one edge without a hub, as processes: what `scale.py` and `gate.py` stand on."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import time

from harness import EDGE, PORTS, PROGRAMS, Program, ask, metrics, user_of_mosquitto

LABEL = re.compile(r'(\w+)="([^"]*)"')


class World:
    """An edge that runs, and its cameras."""

    def __init__(self, programs):
        self.programs = programs

    def pid(self):
        """The edge's process id."""
        return self.programs["edge"].process.pid

    def log(self, program="edge"):
        """The lines that a program has logged."""
        return self.programs[program].log.read_text(errors="replace").splitlines()

    def check(self):
        for program in self.programs.values():
            program.check()

    def until(self, what, met, seconds):
        """Waits until `met` of the edge's state."""
        end, state = time.monotonic() + seconds, {}
        while True:
            self.check()
            with contextlib.suppress(OSError):
                if met(state := json.loads(ask(f"{EDGE}/state", timeout=60))):
                    return
            if time.monotonic() > end:
                raise RuntimeError(f"waited {seconds} s for {what}: {state}")
            time.sleep(0.2)

    def until_live(self, seconds=120):
        self.until("the cameras to be live", lambda state: all(c["state"] == "live" for c in state["cameras"]), seconds)

    def metrics(self):
        """Name → [(labels, value)]."""
        found = {}
        # With as many cameras as there are here the machine may take its time.
        for series, value in metrics(EDGE, timeout=60).items():
            name, _, labels = series.partition("{")
            found.setdefault(name, []).append((dict(LABEL.findall(labels)), float(value)))
        return found


def of(metrics, name, **labels):
    """The sum of a metric's series with these labels."""
    return sum(value for has, value in metrics.get(name, []) if labels.items() <= has.items())


def quantile(before, after, name, q, **labels):
    """A quantile of a histogram between two readings, as Prometheus reckons it; None of nothing."""
    bounds = sorted({float(has["le"]) for has, _ in after.get(f"{name}_bucket", []) if labels.items() <= has.items()})
    label = {float(has["le"]): has["le"] for has, _ in after.get(f"{name}_bucket", [])}
    grown = [of(after, f"{name}_bucket", le=label[b], **labels) - of(before, f"{name}_bucket", le=label[b], **labels)
             for b in bounds]
    if not grown or not grown[-1]:
        return None
    wanted, low, under = q * grown[-1], 0.0, 0.0
    for bound, count in zip(bounds, grown):
        if count >= wanted:
            return low if bound == float("inf") else low + (bound - low) * (wanted - under) / (count - under)
        low, under = bound, count
    return low


def write_settings(folder, cameras):
    """`cameras`: id → the scene that it shows, and what else its section says."""
    listener = f"listener {PORTS['MQTT_PORT']} 127.0.0.1\nallow_anonymous true\n"
    (folder / "broker.conf").write_text(listener + user_of_mosquitto())
    model = pathlib.Path(os.environ["OMMA_MODELS"]) / "nanodet-g-256x416"
    text = (f'[edge]\ndata = "{folder}/edge"\nname = "site"\n[http]\nlisten = "127.0.0.1:{PORTS["EDGE_PORT"]}"\n'
            f'[detect]\nmodel = "{model}"\nengine = "ort"\nonnxruntime = "{os.environ["OMMA_ONNXRUNTIME"]}"\nthreads = 1\n'
            f'labels = ["person"]\n[mqtt]\nurl = "mqtt://127.0.0.1:{PORTS["MQTT_PORT"]}"\n')
    for camera, (scene, settings) in cameras.items():
        text += (f'[[camera]]\nid = "{camera}"\nurl = "rtsp://127.0.0.1:{PORTS["RTSP_PORT"]}/{scene}"\ntransport = "tcp"\n'
                 f'{settings}')
    (folder / "edge.toml").write_text(text)


@contextlib.contextmanager
def edge_world(folder, scenes, cameras, log="info", camera_log="info", programs=PROGRAMS):
    """Runs them. `scenes`: name → what `omma-camera` plays; `cameras` as in `write_settings`; `programs`: where the edge is."""
    folder.mkdir(parents=True)
    write_settings(folder, cameras)
    played = [part for name, scene in scenes.items() for part in ("--camera", f"{name}={scene}")]
    running = {
        "broker": Program("broker", [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", folder / "broker.conf"], folder),
        "camera": Program("camera", ["env", f"OMMA_LOG={camera_log}", "NO_COLOR=1", PROGRAMS / "omma-camera", "--listen",
                                     f"127.0.0.1:{PORTS['RTSP_PORT']}", *played], folder),
        "edge": Program("edge", ["env", f"OMMA_LOG={log}", programs / "edge-agent", "run", "--config", folder / "edge.toml"],
                        folder),
    }
    try:
        for name, program in running.items():
            program.start()
            end = time.monotonic() + 120
            while name == "camera" and "listening rtsp://" not in program.log.read_text():
                program.check()
                if time.monotonic() > end:
                    raise RuntimeError("the simulated cameras did not start")
                time.sleep(0.1)
        yield World(running)
    finally:
        for program in reversed(running.values()):
            program.stop()
