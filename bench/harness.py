"""What every benchmark stands on: the whole stack on ports of its own, CPU and memory of a process, one JSON report."""

import contextlib
import json
import operator
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "target" / os.environ.get("OMMA_PROFILE", "release")
PORTS = {"HTTP_PORT": 28080, "RTSP_PORT": 28554, "QUIC_PORT": 24433, "MQTT_PORT": 21883, "MQTTS_PORT": 28883,
         "WEBRTC_PORT": 28189, "EDGE_PORT": 28181}
EDGE = f"http://127.0.0.1:{PORTS['EDGE_PORT']}"
TICK = os.sysconf("SC_CLK_TCK")
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy of the machine's has no business here
SIGNS = {"<=": operator.le, ">=": operator.ge}


def say(text):
    """Progress, beside the report."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Stack:
    """A running camera, hub and edge."""

    def __init__(self, process, url, token, folder):
        self.process, self.url, self.token, self.folder = process, url, token, folder

    def pid(self, program):
        """The process id of one of the stack's programs."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children")
        for child in " ".join(c.read_text() for c in children).split():
            if pathlib.Path(f"/proc/{child}/exe").resolve().name == program:
                return int(child)
        raise RuntimeError(f"{program} is not running")

    def until_live(self, seconds=60):
        """Waits for the edge's one camera."""
        end = time.monotonic() + seconds
        while (camera := json.loads(ask(f"{EDGE}/state"))["cameras"][0])["state"] != "live":
            if time.monotonic() > end:
                raise RuntimeError(f"the camera is not live after {seconds} s: {camera}")
            time.sleep(0.1)

    def edge_done(self, *steps):
        """How many units of work these steps of the edge have done so far."""
        done = metrics(EDGE)
        return [int(done.get(f'omma_step_done_total{{step="{step}"}}', 0)) for step in steps]


def ask(url, timeout=5):
    """The body of a page of this machine."""
    with HTTP.open(url, timeout=timeout) as answer:
        return answer.read().decode()


def metrics(url, timeout=5):
    """A program's metrics, as texts by series; nothing while it is away."""
    try:
        lines = ask(f"{url}/metrics", timeout).splitlines()
    except OSError:
        return {}
    return dict(line.rsplit(" ", 1) for line in lines if line and line[0] != "#")


class Program:
    """A program that is killed and started again, with one log for all its lives."""

    def __init__(self, name, arguments, folder):
        self.name, self.arguments, self.log, self.process = name, arguments, folder / f"{name}.log", None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self):
        """With SIGKILL, at whatever instruction it is."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def check(self):
        """One that ends by itself is no part of the plan."""
        if (code := self.process.poll()) is not None:
            end = self.log.read_text(errors="replace").splitlines()[-15:]
            raise RuntimeError("\n".join([f"{self.name} has ended by itself (exit {code}):", *end]))

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def panics(self):
        return [line for line in self.log.read_text(errors="replace").splitlines() if "panicked at" in line][:3]


def user_of_mosquitto():
    """Started as root Mosquitto would become the user `mosquitto`, who can't write everywhere."""
    return "user root\n" if os.geteuid() == 0 else ""


@contextlib.contextmanager
def stack(programs=PROGRAMS, **settings):
    """Starts `omma-demo` with the given environment, waits until its camera is live, and ends it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {k: str(v) for k, v in PORTS.items()} | {"DEMO_DIR": folder} | settings
        process = subprocess.Popen([programs / "omma-demo"], env=env, stdout=subprocess.PIPE, text=True)
        try:
            seen = {}
            for line in process.stdout:
                for key, start in (("url", "Omma is at "), ("token", "Token: ")):
                    if line.startswith(start):
                        seen[key] = line[len(start):].strip()
                if len(seen) == 2:
                    break
            if len(seen) < 2:
                raise RuntimeError(f"the stack did not start (exit {process.wait()})")
            omma = Stack(process, seen["url"], seen["token"], pathlib.Path(folder))
            omma.until_live()
            yield omma
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


def python_with(venv, requirements):
    """A Python of its own in .omma/ with the packages that a file of bench/ names, and their hashes."""
    home, listed = ROOT / ".omma" / venv, ROOT / "bench" / requirements
    python, stamp, want = home / "bin" / "python", home / ".packages", listed.read_text()
    if not stamp.exists() or stamp.read_text() != want:
        say(f"installing with pip what bench/{requirements} names")
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        subprocess.run([*pip, "-r", listed], check=True, stdout=sys.stderr)
        stamp.write_text(want)
    return python


def cpu_seconds(pid):
    """User and system CPU time of a process and all its threads so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_mb(pid):
    """Resident memory, MB of 10^6 bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"process {pid} has no VmRSS")


def cpu_shares(pids, seconds, rounds):
    """CPU seconds per second of each process over each of `rounds` windows, all of them measured side by side."""
    shares = [[] for _ in pids]
    for _ in range(rounds):
        before, start = [cpu_seconds(p) for p in pids], time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - start
        for share, pid, b in zip(shares, pids, before):
            share.append((cpu_seconds(pid) - b) / took)
    return shares


def spread(values):
    """Minimum, median and maximum of a run."""
    return {"min": round(min(values), 4), "median": round(statistics.median(values), 4), "max": round(max(values), 4)}


def quantiles(values):
    """Least, p50, p95 and maximum, by nearest rank; None of nothing."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return None
    at = lambda q: ordered[min(len(ordered) - 1, int(len(ordered) * q))]
    return {"min": round(ordered[0], 2), "p50": round(at(0.5), 2), "p95": round(at(0.95), 2), "max": round(ordered[-1], 2),
            "n": len(ordered)}


def figure(figures, path):
    """`a.b` of nested figures; None where it was not measured."""
    for key in path.split("."):
        figures = (figures or {}).get(key)
    return figures


def report(name, figures, targets, faults=()):
    """Prints the report as the last line and keeps it.

    `targets`: a figure's path → its sign and bound, such as `"rss_mb": ("<=", 120)`. `faults`: why the figures can't be
    believed; with one of them nothing is passed, and the benchmark fails."""
    git = lambda *a: subprocess.run(["git", *a], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    model = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    passed = {}
    for path, (sign, bound) in targets.items():
        value = figure(figures, path)
        met = value is not None and SIGNS[sign](value, bound)
        passed[path] = met and not faults
        if not met:
            say(f"missed: {path} is {value}, the target is {sign} {bound}")
    whole = {
        "bench": name,
        "commit": git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else ""),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "load1": os.getloadavg()[0]},
        "passed": passed,
        "targets": {path: f"{sign} {bound}" for path, (sign, bound) in targets.items()},
        "faults": list(faults),
    } | figures
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n")
    print(json.dumps(whole), flush=True)
    if faults:
        sys.exit("\n".join(f"bench: {name} is void: {fault}" for fault in faults))
