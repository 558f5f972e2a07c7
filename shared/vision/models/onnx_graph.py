"""Writes an ONNX model (IR version 7, opset 13) with the standard library alone.

ONNX is protobuf: a message is a row of (field number, wire type, value). The numbers below are those of onnx.proto3,
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""
import struct
from typing import NamedTuple


class Value(NamedTuple):
    """What a node yields. `pad` (top, left, bottom, right) is padding that is owed: the graph it came from padded in a
    node of its own, and the convolution or pooling behind it carries it out."""

    name: str
    shape: tuple
    pad: tuple = (0, 0, 0, 0)


class OnnxGraph:
    """Collects nodes and weights, and writes them down."""

    FLOAT, INT64 = 1, 7  # TensorProto.DataType

    def __init__(self):
        self.nodes, self.weights = [], {}

    def node(self, op, inputs, name, shape, **attributes):
        body = b"".join(message(1, i) for i in inputs) + message(2, name) + message(3, name) + message(4, op)
        self.nodes.append(message(1, body + b"".join(attribute(k, v) for k, v in attributes.items())))
        return Value(name, tuple(shape))

    def weight(self, name, shape, values, kind=FLOAT):
        raw = struct.pack(f"<{len(values)}{'f' if kind == self.FLOAT else 'q'}", *values)
        body = b"".join(number(1, d) for d in shape) + number(2, kind) + message(8, name) + message(9, raw)
        self.weights[name] = message(5, body)
        return name

    def write(self, picture, outputs):
        def info(field, value):
            dims = b"".join(message(1, number(1, d)) for d in value.shape)
            tensor = number(1, self.FLOAT) + message(2, dims)
            return message(field, message(1, value.name) + message(2, message(1, tensor)))

        graph = b"".join(self.nodes) + message(2, "detector") + b"".join(self.weights.values())
        graph += info(11, picture) + b"".join(info(12, v) for v in outputs)
        ir_version, opset = number(1, 7), message(8, message(1, "") + number(2, 13))
        return ir_version + message(2, "tfjs_to_onnx.py") + message(7, graph) + opset


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, n):
    return varint(field << 3) + varint(n)


def message(field, body):
    body = body.encode() if isinstance(body, str) else body
    return varint(field << 3 | 2) + varint(len(body)) + body


def attribute(name, value):
    """AttributeProto. Its `type` is FLOAT 1, INT 2, STRING 3, INTS 7."""
    if isinstance(value, float):
        body = varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    elif isinstance(value, int):
        body = number(3, value) + number(20, 2)
    elif isinstance(value, str):
        body = message(4, value) + number(20, 3)
    else:
        body = b"".join(number(8, i) for i in value) + number(20, 7)
    return message(5, message(1, name) + body)
