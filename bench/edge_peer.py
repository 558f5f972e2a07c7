"""The peer of the edge benchmark: decode every frame of an RTSP stream with OpenCV, look at 5 a second with ONNX Runtime.

Prints `running` when pictures arrive; for each line of its input, how many frames and looks there were so far."""

import os
import sys
import threading
import time

import cv2
import numpy as np
import onnxruntime

cv2.setNumThreads(1)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
name, (height, width) = session.get_inputs()[0].name, session.get_inputs()[0].shape[2:]
MEAN = np.array([103.53, 116.28, 123.675], np.float32)
STD = np.array([57.375, 57.12, 58.395], np.float32)
BINS = np.arange(11, dtype=np.float32)


def look(picture):
    """NanoDet-g: boxes of at least 0.4, after suppression."""
    x = ((cv2.resize(picture, (width, height)).astype(np.float32) - MEAN) / STD).transpose(2, 0, 1)[None]
    boxes, scores = [], []
    for stride, out in zip((8, 16, 32), session.run(None, {name: np.ascontiguousarray(x)})):
        rows, columns = out.shape[2:]
        out = out[0].reshape(124, -1).T
        best = 1 / (1 + np.exp(-out[:, :80].max(1)))
        keep = np.flatnonzero(best >= 0.4)
        if not len(keep):
            continue
        bins = out[keep, 80:].reshape(-1, 4, 11)
        bins = np.exp(bins - bins.max(-1, keepdims=True))
        sides = (bins / bins.sum(-1, keepdims=True)) @ BINS * stride
        x0, y0 = keep % columns * stride + (stride - 1) / 2, keep // columns * stride + (stride - 1) / 2
        boxes.append(np.stack([x0 - sides[:, 0], y0 - sides[:, 1], sides[:, 0] + sides[:, 2], sides[:, 1] + sides[:, 3]], 1))
        scores.append(best[keep])
    return cv2.dnn.NMSBoxes(np.concatenate(boxes), np.concatenate(scores), 0.4, 0.6) if boxes else []


def answer():
    while os.read(0, 1):
        print(frames, looks, flush=True)


camera = cv2.VideoCapture(sys.argv[2], cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
frames, looks, due = 0, 0, time.monotonic()
while True:
    ok, picture = camera.read()
    if not ok:
        sys.exit("the stream ended")
    frames += 1
    if frames == 1:
        print("running", flush=True)
        threading.Thread(target=answer, daemon=True).start()
    now = time.monotonic()
    if now >= due:
        # In a rhythm: 0.2 s after a frame's jitter would make 5 looks a second 4.6.
        due = due + 0.2 if now < due + 0.2 else now + 0.2
        look(picture)
        looks += 1
