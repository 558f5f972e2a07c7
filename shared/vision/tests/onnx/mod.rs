//! Writes small ONNX files: as much of the format (github.com/onnx/onnx, `onnx/onnx.proto`) as a test's graph needs.

/// Versions of the format and of the operators that both engines have long known.
const FORMAT: u64 = 8;
const OPERATORS: u64 = 13;

/// Types of elements, `TensorProto.DataType`.
#[derive(Clone, Copy)]
pub(crate) enum Element {
    F32 = 1,
    I64 = 7,
}

/// A graph to which parts are added in order: what a node takes must be there before it.
#[derive(Default)]
pub(crate) struct Graph(Message);

impl Graph {
    pub(crate) fn input(&mut self, name: &str, element: Element, shape: &[usize]) {
        self.0.message(11, &value(name, element, shape));
    }

    pub(crate) fn output(&mut self, name: &str, element: Element, shape: &[usize]) {
        self.0.message(12, &value(name, element, shape));
    }

    pub(crate) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(name, Element::F32, shape, &data);
    }

    pub(crate) fn numbers(&mut self, name: &str, shape: &[usize], values: &[i64]) {
        let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(name, Element::I64, shape, &data);
    }

    /// A node with one output, and whole numbers as attributes.
    pub(crate) fn node(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, u64)]) {
        let mut node = Message::default();
        for input in inputs {
            node.text(1, input);
        }
        node.text(2, output);
        node.text(3, &format!("{operator}-{output}"));
        node.text(4, operator);
        for (name, number) in attributes {
            let mut attribute = Message::default();
            attribute.text(1, name);
            attribute.number(3, *number);
            attribute.number(20, 2); // INT
            node.message(5, &attribute);
        }
        self.0.message(1, &node);
    }

    /// The file.
    pub(crate) fn file(mut self) -> Vec<u8> {
        self.0.text(2, "made-up");
        let mut operators = Message::default();
        operators.text(1, "");
        operators.number(2, OPERATORS);
        let mut model = Message::default();
        model.number(1, FORMAT);
        model.message(7, &self.0);
        model.message(8, &operators);
        model.0
    }

    fn constant(&mut self, name: &str, element: Element, shape: &[usize], data: &[u8]) {
        let mut tensor = Message::default();
        for side in shape {
            tensor.number(1, *side as u64);
        }
        tensor.number(2, element as u64);
        tensor.text(8, name);
        tensor.bytes(9, data);
        self.0.message(5, &tensor);
    }
}

/// A `ValueInfoProto`.
fn value(name: &str, element: Element, shape: &[usize]) -> Message {
    let mut sides = Message::default();
    for side in shape {
        let mut dimension = Message::default();
        dimension.number(1, *side as u64);
        sides.message(1, &dimension);
    }
    let mut tensor = Message::default();
    tensor.number(1, element as u64);
    tensor.message(2, &sides);
    let mut kind = Message::default();
    kind.message(1, &tensor);
    let mut value = Message::default();
    value.text(1, name);
    value.message(2, &kind);
    value
}

/// A message in the wire format of protocol buffers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, number: u64) {
        self.varint(field << 3);
        self.varint(number);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Message) {
        self.bytes(field, &message.0);
    }

    /// Seven bits a byte, the lowest first; all but the last have the eighth set.
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}
