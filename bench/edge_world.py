"""Simulated cameras, a broker and one edge, without a hub or with one, as processes: what `scale.py` and `gate.py` stand on."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from harness import EDGE, PORTS, PROGRAMS, Program, ask, metrics, user_of_mosquitto

NAME, HUB = "site", f"http://127.0.0.1:{PORTS['HTTP_PORT']}"
LABEL = re.compile(r'(\w+)="([^"]*)"')


class World:
    """An edge that runs, and its cameras."""

    def __init__(self, programs, token=None):
        self.programs, self.token = programs, token

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

    def viewer(self, camera, seconds):
        """Who watches a camera at the hub for so long; says at its end what came, as JSON."""
        arguments = ["--hub", HUB, "--stream", f"{NAME}.{camera}", "--seconds", str(seconds)]
        return subprocess.Popen([PROGRAMS / "omma-viewers", *arguments], env=os.environ | {"OMMA_TOKEN": self.token},
                                stdout=subprocess.PIPE, text=True)

    def until_live(self, seconds=120):
        self.until("the cameras to be live", lambda state: all(c["state"] == "live" for c in state["cameras"]), seconds)

    def metrics(self, url=EDGE):
        """Name → [(labels, value)]."""
        found = {}
        # With as many cameras as there are here the machine may take its time.
        for series, value in metrics(url, timeout=60).items():
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


def write_settings(folder, cameras, join=None):
    """`cameras`: id → the scene that it shows, and what else its section says."""
    listener = f"listener {PORTS['MQTT_PORT']} 127.0.0.1\nallow_anonymous true\n"
    (folder / "broker.conf").write_text(listener + user_of_mosquitto())
    who = f'name = "{NAME}"'
    if join:
        (folder / "join").touch(mode=0o600)
        (folder / "join").write_text(join)
        who = f'join_file = "{folder}/join"'
    model = pathlib.Path(os.environ["OMMA_MODELS"]) / "nanodet-g-256x416"
    text = (f'[edge]\ndata = "{folder}/edge"\n{who}\n[http]\nlisten = "127.0.0.1:{PORTS["EDGE_PORT"]}"\n'
            f'[detect]\nmodel = "{model}"\nengine = "ort"\nonnxruntime = "{os.environ["OMMA_ONNXRUNTIME"]}"\nthreads = 1\n'
            f'labels = ["person"]\n[mqtt]\nurl = "mqtt://127.0.0.1:{PORTS["MQTT_PORT"]}"\n')
    for camera, (scene, settings) in cameras.items():
        text += (f'[[camera]]\nid = "{camera}"\nurl = "rtsp://127.0.0.1:{PORTS["RTSP_PORT"]}/{scene}"\ntransport = "tcp"\n'
                 f'{settings}')
    (folder / "edge.toml").write_text(text)


def write_hub_settings(folder):
    at = lambda port: f"127.0.0.1:{PORTS[port]}"
    (folder / "hub.toml").write_text(
        f'[hub]\ndata = "{folder}/hub"\npublic_host = "127.0.0.1"\n[http]\nlisten = "{at("HTTP_PORT")}"\n'
        f'[ingest]\nquic = "{at("QUIC_PORT")}"\n[broker]\nurl = "mqtt://{at("MQTT_PORT")}"\n[live]\nudp = "{at("WEBRTC_PORT")}"\n')


def until_there(url, seconds=60):
    """Waits until the program there is ready."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask(f"{url}/readyz")
        except OSError as error:
            if time.monotonic() > end:
                raise RuntimeError(f"{url} is not ready after {seconds} s") from error
            time.sleep(0.1)


@contextlib.contextmanager
def edge_world(folder, scenes, cameras, log="info", camera_log="info", programs=PROGRAMS, hub=False):
    """Runs them. `scenes`: name → what `omma-camera` plays; `cameras` as in `write_settings`; `programs`: where the edge is."""
    folder.mkdir(parents=True)
    write_settings(folder, cameras)
    token, hub_at = None, ["--config", folder / "hub.toml"]
    if hub:
        write_hub_settings(folder)
    played = [part for name, scene in scenes.items() for part in ("--camera", f"{name}={scene}")]
    running = {
        "broker": Program("broker", [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", folder / "broker.conf"], folder),
        "camera": Program("camera", ["env", f"OMMA_LOG={camera_log}", "NO_COLOR=1", PROGRAMS / "omma-camera", "--listen",
                                     f"127.0.0.1:{PORTS['RTSP_PORT']}", *played], folder),
        **({"hub": Program("hub", [PROGRAMS / "cloud-hub", "run", *hub_at], folder)} if hub else {}),
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
            if name == "hub":
                until_there(HUB)
                told = lambda what: subprocess.run([PROGRAMS / "cloud-hub", *what, *hub_at], stdout=subprocess.PIPE, text=True,
                                                   check=True).stdout.strip()
                token = told(["token"])
                write_settings(folder, cameras, join=told(["join", NAME]))
        yield World(running, token)
    finally:
        for program in reversed(running.values()):
            program.stop()
