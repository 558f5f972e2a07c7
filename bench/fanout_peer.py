"""The peer of the fanout benchmark: Debian's ffmpeg sends a film in real time, as it is, as SRTP to many receivers.

The receivers are sockets of this process, which count what comes and don't decrypt it."""

import base64
import contextlib
import os
import pathlib
import selectors
import socket
import subprocess
import tempfile
import threading
import time

from harness import cpu_shares

# What makes payloads of 1140 bytes, as the hub's are.
PACKET = 1166
BUFFER = 1 << 20
# Ten seconds each.
TURNS = 8


class Receivers:
    """UDP sockets of loopback that a thread empties; of each, how many bytes and packets came, and the span of their numbers."""

    def __init__(self, count):
        self.sockets, self.poll = [], selectors.DefaultSelector()
        for _ in range(count):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            one.setblocking(False)
            one.bind(("127.0.0.1", 0))
            self.poll.register(one, selectors.EVENT_READ, len(self.sockets))
            self.sockets.append(one)
        self.bytes, self.packets, self.first, self.last = ([0] * count for _ in range(4))
        self.open, self.thread = True, threading.Thread(target=self.drain)
        self.thread.start()

    def drain(self):
        packet = bytearray(2048)
        while self.open:
            for key, _ in self.poll.select(0.2):
                n = key.data
                with contextlib.suppress(BlockingIOError):
                    while True:
                        came = key.fileobj.recv_into(packet)
                        if 64 <= packet[1] & 0x7F <= 95:
                            continue  # a report to the receiver whose port is one less (RFC 5761 §4)
                        self.bytes[n] += came
                        self.last[n] = packet[2] << 8 | packet[3]  # the RTP sequence number, which is not encrypted
                        if not self.packets[n]:
                            self.first[n] = self.last[n]
                        self.packets[n] += 1

    def lost(self):
        """Packets that are missing between the first and the last, of which there are fewer than 65536."""
        return sum(((b - a) & 0xFFFF) + 1 - n for a, b, n in zip(self.first, self.last, self.packets))

    def close(self):
        self.open = False
        self.thread.join()
        for one in self.sockets:
            one.close()


def outputs(sockets):
    """What ffmpeg's tee sends where, each with a key of its own."""
    each = []
    for one in sockets:
        key = base64.b64encode(os.urandom(30)).decode()
        each.append(f"[f=rtp:srtp_out_suite=AES_CM_128_HMAC_SHA1_80:srtp_out_params={key}]"
                    f"srtp://127.0.0.1:{one.getsockname()[1]}?pkt_size={PACKET}&localaddr=127.0.0.1")
    return "|".join(each)


def peer_round(film, count, seconds):
    """CPU of ffmpeg for each receiver, and what came."""
    receivers, ffmpeg, folder = Receivers(count), None, tempfile.TemporaryDirectory()
    # Its own loop waits a film's time before the next turn, where the film has no times in it.
    turns = pathlib.Path(folder.name) / "turns.h264"
    turns.write_bytes(pathlib.Path(film).read_bytes() * TURNS)
    source = ["-re", "-framerate", "30", "-i", turns]
    try:
        ffmpeg = subprocess.Popen(["ffmpeg", "-nostdin", "-loglevel", "fatal", *source, "-map", "0:v", "-c", "copy", "-f", "tee",
                                   outputs(receivers.sockets)])
        end = time.monotonic() + 30
        while not all(receivers.packets):
            if ffmpeg.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"ffmpeg does not send to all (exit {ffmpeg.poll()})")
            time.sleep(0.1)
        time.sleep(2)
        before, began = list(receivers.bytes), time.monotonic()
        ((cpu,),) = cpu_shares([ffmpeg.pid], seconds, 1)
        took = time.monotonic() - began
        came = [now - then for now, then in zip(receivers.bytes, before)]
    finally:
        if ffmpeg:
            ffmpeg.kill()
            ffmpeg.wait()
        receivers.close()
        folder.cleanup()
    return {"cpu_percent_per_viewer": round(100 * cpu / count, 4), "seconds": round(took, 2), "lost": receivers.lost(),
            "mbit_per_viewer_min": round(min(came) * 8e-6 / took, 3),
            "mbit_per_viewer": round(sum(came) * 8e-6 / took / count, 3)}
