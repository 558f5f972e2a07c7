#!/usr/bin/env python3
"""Turns a detector kept as a TensorFlow.js graph model into ONNX. Needs nothing but Python 3.

usage: tfjs_to_onnx.py FAMILY MODEL.json OUT.onnx HEIGHTxWIDTH

FAMILY says where the graph is cut: the decoding behind the last convolutions is left out, since it is done in Rust
(`shared/vision/src/head`) on any engine. Input is `images` [1, 3, H, W] f32; how pixels are scaled is in the manifest
beside this file. Outputs, all f32:

  nanodet-g   p8, p16, p32   [1, 124, H/s, W/s]  80 class logits, then 4 sides of 11 bins
  centernet   heat           [1, 80, H/4, W/4]   class scores, sigmoid done
              ltrb           [1, 4, H/4, W/4]    distances to the box's sides, in input pixels
  coco-ssd    boxes          [1, 1917, 4]        offsets from the anchors (y, x, height, width)
              scores         [1, 1917, 91]       class logits, 0 is the background

H and W are multiples of 32, or 300x300 for coco-ssd. The same input gives the same bytes on every machine, so that
the manifest can name the SHA-256 of what comes out.

1. The weights are read from the shards that MODEL.json names.
2. The graph is walked from its outputs back to the picture; TensorFlow's NHWC becomes ONNX's NCHW on the way: only
   constants are turned round, no transposition stays in the graph.
3. Nodes and weights are written as an ONNX ModelProto (`onnx_graph.py`).
"""
import base64
import json
import math
import struct
import sys
from pathlib import Path
from typing import NamedTuple

from onnx_graph import OnnxGraph, Value


class Output(NamedTuple):
    """One output of the ONNX graph: nodes of the TensorFlow graph, and how they are put together."""

    name: str
    nodes: list
    row: int = 0  # 0: the one node as it is, NCHW. Else all nodes as rows of this length: [1, all cells, row].


class Family(NamedTuple):
    """Where a kind of detector is cut out of its graph."""

    picture: str  # the node that stands for the picture
    trained_at: int  # side of the square input that sizes inside the graph refer to
    channels_first: bool  # whether the graph's own 4-D values are NCHW (then each Conv2D lies between transpositions)
    outputs: list


FAMILIES = {
    "nanodet-g": Family("input_1", 416, True, [
        Output("p8", ["PartitionedCall/Add_29"]),
        Output("p16", ["PartitionedCall/Add_33"]),
        Output("p32", ["PartitionedCall/Add_37"]),
    ]),
    "centernet": Family("tower_0/images", 512, False, [
        Output("heat", ["tower_0/keypoints"]),
        Output("ltrb", ["tower_0/wh"]),
    ]),
    "coco-ssd": Family("Preprocessor/sub", 300, False, [
        Output("boxes", [f"BoxPredictor_{i}/BoxEncodingPredictor/BiasAdd" for i in range(6)], row=4),
        Output("scores", [f"BoxPredictor_{i}/ClassPredictor/BiasAdd" for i in range(6)], row=91),
    ]),
}


class Constant(NamedTuple):
    """A weight as TensorFlow keeps it."""

    shape: list
    values: tuple


def read_weights(model, folder):
    """name -> Constant, from the shards. float16 storage is widened; other quantisation is refused."""
    formats = {"float32": ("f", 4), "float16": ("e", 2), "int32": ("i", 4), "bool": ("?", 1)}
    constants = {}
    for group in model["weightsManifest"]:
        shard = b"".join((folder / path).read_bytes() for path in group["paths"])
        offset = 0
        for weight in group["weights"]:
            stored = weight.get("quantization", {}).get("dtype", weight["dtype"])
            if stored not in formats:
                raise SystemExit(f"{weight['name']}: weights stored as {stored} can't be read")
            code, size = formats[stored]
            count = math.prod(weight["shape"])
            constants[weight["name"]] = Constant(weight["shape"], struct.unpack_from(f"<{count}{code}", shard, offset))
            offset += count * size
        if offset != len(shard):
            raise SystemExit(f"{group['paths']}: {len(shard)} bytes, of which the model describes {offset}")
    return constants


class Translator:
    """Walks the TensorFlow graph backwards from its outputs."""

    def __init__(self, family, model, constants, size):
        self.family, self.constants, self.size = family, constants, size
        self.source = {n["name"]: n for n in model["modelTopology"]["node"]}
        self.graph, self.done = OnnxGraph(), {}
        self.picture = Value("images", (1, 3, *size))
        self.operations = {
            "Conv2D": self.convolution, "_FusedConv2D": self.convolution,
            "DepthwiseConv2dNative": self.convolution, "FusedDepthwiseConv2dNative": self.convolution,
            "MaxPool": self.max_pool, "Mean": self.mean, "ResizeBilinear": self.resize, "ConcatV2": self.concat,
            "Add": self.arithmetic, "AddN": self.arithmetic, "BiasAdd": self.arithmetic, "Mul": self.arithmetic,
            "FusedBatchNorm": self.batch_norm, "Pad": self.pad, "PadV2": self.pad, "Transpose": self.transpose,
            "Relu": self.activation, "Relu6": self.activation, "LeakyRelu": self.activation,
            "Sigmoid": lambda n: self.graph.node("Sigmoid", [self.input(n).name], n["name"], self.input(n).shape),
            "Identity": self.input,
        }

    def run(self):
        values = [self.output(o) for o in self.family.outputs]
        return self.graph.write(self.picture, values), values

    def output(self, wanted):
        parts = [self.value(n) for n in wanted.nodes]
        if not wanted.row:
            return self.graph.node("Identity", [parts[0].name], wanted.name, parts[0].shape)
        rows, width = [], wanted.row
        for part in parts:
            _, c, h, w = part.shape
            last = self.graph.node("Transpose", [part.name], part.name + ".nhwc", (1, h, w, c), perm=[0, 2, 3, 1])
            shape = self.graph.weight(f"{part.name}.rows", [3], [1, -1, width], OnnxGraph.INT64)
            rows.append(self.graph.node("Reshape", [last.name, shape], part.name + ".row", (1, h * w * c // width, width)))
        total = sum(r.shape[1] for r in rows)
        return self.graph.node("Concat", [r.name for r in rows], wanted.name, (1, total, width), axis=1)

    def value(self, name):
        if name == self.family.picture:
            return self.picture
        if name not in self.done:
            node = self.source[name]
            if node["op"] not in self.operations:
                raise SystemExit(f"{name}: operation {node['op']} is not known here")
            self.done[name] = self.operations[node["op"]](node)
        return self.done[name]

    def input(self, node, padded=False):
        value = self.value(node["input"][0])
        if any(value.pad) and not padded:
            raise SystemExit(f"{node['name']}: a {node['op']} behind a Pad is not known here")
        return value

    def constant(self, node, index):
        return self.constants[node["input"][index]]

    def operand(self, name):
        """A value, or a constant shaped so that it broadcasts over NCHW: one number, or one number a channel."""
        if name not in self.constants:
            return self.value(name)
        values = self.constants[name].values
        if len(values) != max([1, *self.constants[name].shape]):
            raise SystemExit(f"{name}: a constant of shape {self.constants[name].shape} can't be an operand")
        shape = (len(values), 1, 1) if len(values) > 1 else ()
        return Value(self.graph.weight(name + ".operand", shape, values), shape)

    def convolution(self, node):
        x = self.input(node, padded=True)
        height, width, ins, outs = self.constant(node, 1).shape
        depthwise = "epthwise" in node["op"]
        # Depthwise filters are [H, W, C, 1], others [H, W, in, out]; ONNX has [out, in / group, H, W] for both.
        filters = transpose(self.constant(node, 1), (2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        window = self.window(node, x, (height, width))
        shape = (1, ins * outs if depthwise else outs, *window.pop("size"))
        inputs = [x.name, self.graph.weight(node["name"] + ".weight", filters.shape, filters.values)]
        fused = strings(node, "fused_ops")
        if "BiasAdd" in fused:
            bias = self.constant(node, 2).values
            inputs.append(self.graph.weight(node["name"] + ".bias", [len(bias)], bias))
            fused.remove("BiasAdd")
        name = node["name"] + ".linear" if fused else node["name"]
        y = self.graph.node("Conv", inputs, name, shape, group=ins if depthwise else 1, **window)
        return self.activate(node, fused[0], y) if fused else y

    def max_pool(self, node):
        x = self.input(node, padded=True)
        window = self.window(node, x, integers(node, "ksize")[1:3])
        del window["dilations"]
        return self.graph.node("MaxPool", [x.name], node["name"], (*x.shape[:2], *window.pop("size")), **window)

    def window(self, node, x, kernel):
        """Attributes of a sliding window, and under `size` what comes out of it. TensorFlow's SAME puts the odd pixel
        of padding at the bottom right."""
        strides = integers(node, "strides")[1:3]
        dilations = integers(node, "dilations")[1:3] or [1, 1]
        reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel)]
        pad = list(x.pad)
        if strings(node, "padding") == ["SAME"]:
            whole = [max(0, (-(-i // s) - 1) * s + r - i) for i, s, r in zip(x.shape[2:], strides, reach)]
            pad = [p + w // 2 for p, w in zip(pad, whole)] + [p + w - w // 2 for p, w in zip(pad[2:], whole)]
        size = [(i + pad[a] + pad[a + 2] - r) // s + 1 for a, (i, r, s) in enumerate(zip(x.shape[2:], reach, strides))]
        return {"kernel_shape": list(kernel), "strides": strides, "dilations": dilations, "pads": pad, "size": size}

    def pad(self, node):
        amounts = self.constant(node, 1).values
        top, bottom, left, right = amounts[4:8] if self.family.channels_first else amounts[2:6]
        if sum(amounts) != top + bottom + left + right:
            raise SystemExit(f"{node['name']}: only height and width can be padded")
        if node["op"] == "PadV2" and self.constant(node, 2).values[0] > -1e30:
            raise SystemExit(f"{node['name']}: only padding that max pooling never picks is known here")
        return self.input(node)._replace(pad=(top, left, bottom, right))

    def transpose(self, node):
        if sorted(self.constant(node, 1).values) != [0, 1, 2, 3]:
            raise SystemExit(f"{node['name']}: only 4-D values can be transposed")
        return self.input(node, padded=True)  # All is NCHW already.

    def arithmetic(self, node):
        operands = [self.operand(i) for i in node["input"]]
        ranked = [(1,) * (4 - len(o.shape)) + tuple(o.shape) for o in operands]
        op = "Mul" if node["op"] == "Mul" else "Add" if len(operands) == 2 else "Sum"
        return self.graph.node(op, [o.name for o in operands], node["name"], [max(d) for d in zip(*ranked)])

    def batch_norm(self, node):
        x = self.input(node)
        weights = []
        for name in node["input"][1:5]:
            values = self.constants[name].values
            weights.append(self.graph.weight(name, [len(values)], values))
        epsilon = float(node["attr"]["epsilon"]["f"])
        return self.graph.node("BatchNormalization", [x.name, *weights], node["name"], x.shape, epsilon=epsilon)

    def activation(self, node):
        return self.activate(node, node["op"], self.input(node))

    def activate(self, node, kind, x):
        if kind == "Relu6":
            bounds = [self.graph.weight("zero", [], [0.0]), self.graph.weight("six", [], [6.0])]
            return self.graph.node("Clip", [x.name, *bounds], node["name"], x.shape)
        slope = {"alpha": float(node["attr"]["alpha"]["f"])} if kind == "LeakyRelu" else {}
        return self.graph.node(kind, [x.name], node["name"], x.shape, **slope)

    def mean(self, node):
        x = self.input(node)
        if sorted(self.constant(node, 1).values) != [1, 2] or not node["attr"]["keep_dims"]["b"]:
            raise SystemExit(f"{node['name']}: only the mean over height and width is known here")
        return self.graph.node("GlobalAveragePool", [x.name], node["name"], (*x.shape[:2], 1, 1))

    def concat(self, node):
        if self.constant(node, -1).values[0] not in ((1,) if self.family.channels_first else (3, -1)):
            raise SystemExit(f"{node['name']}: only channels can be put together")
        parts = [self.value(i) for i in node["input"][:-1]]
        shape = (1, sum(p.shape[1] for p in parts), *parts[0].shape[2:])
        return self.graph.node("Concat", [p.name for p in parts], node["name"], shape, axis=1)

    def resize(self, node):
        x = self.input(node)
        # The graph names sizes for the input it was trained with; ours grow with the input asked for.
        size = [t * s // self.family.trained_at for t, s in zip(self.constant(node, 1).values, self.size)]
        scales = self.graph.weight(node["name"] + ".scales", [4], [1, 1, *(t / s for t, s in zip(size, x.shape[2:]))])
        if node["attr"].get("align_corners", {}).get("b"):
            raise SystemExit(f"{node['name']}: align_corners is not known here")
        grid = "half_pixel" if node["attr"].get("half_pixel_centers", {}).get("b") else "asymmetric"
        return self.graph.node("Resize", [x.name, "", scales], node["name"], (*x.shape[:2], *size), mode="linear",
                               coordinate_transformation_mode=grid)


def transpose(constant, order):
    """A 4-D constant with its axes in another order."""
    a, b, c, d = constant.shape
    steps = [(b * c * d, c * d, d, 1)[i] for i in order]
    shape = [constant.shape[i] for i in order]
    values = tuple(
        constant.values[i * steps[0] + j * steps[1] + k * steps[2] + m * steps[3]]
        for i in range(shape[0]) for j in range(shape[1]) for k in range(shape[2]) for m in range(shape[3])
    )
    return Constant(shape, values)


def integers(node, key):
    return [int(i) for i in node["attr"].get(key, {}).get("list", {}).get("i", [])]


def strings(node, key):
    """An attribute's strings: base64, or lists of bytes in models written by older converters."""
    entry = node["attr"].get(key, {})
    raw = [entry["s"]] if "s" in entry else entry.get("list", {}).get("s", [])
    return [bytes(s).decode() if isinstance(s, list) else base64.b64decode(s).decode() for s in raw]


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in FAMILIES:
        raise SystemExit(f"{__doc__.split(chr(10) * 2)[1]}\nFAMILY is one of {', '.join(FAMILIES)}")
    name, source, target, size = sys.argv[1:]
    height, width = (int(side) for side in size.split("x"))
    family = FAMILIES[name]
    if (height, width) != (family.trained_at,) * 2 and (height % 32 or width % 32 or name == "coco-ssd"):
        raise SystemExit(f"{size}: height and width must be multiples of 32 (coco-ssd: 300x300)")
    sys.setrecursionlimit(10_000)  # The walk is as deep as the network.
    model = json.loads(Path(source).read_text())
    constants = read_weights(model, Path(source).parent)
    data, outputs = Translator(family, model, constants, (height, width)).run()
    Path(target).write_bytes(data)
    print(f"{target}: {len(data)} bytes,", ", ".join(f"{v.name} {list(v.shape)}" for v in outputs))


main()
