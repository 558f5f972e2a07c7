//! tract: the engine that is always there. Written in Rust, part of the program, one thread.

use std::borrow::Cow;
use std::sync::Arc;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value::DimValue;
use tract_onnx::pb::type_proto::Value::TensorType;
use tract_onnx::pb::{TypeProto, ValueInfoProto};
use tract_onnx::prelude::*;

use super::{Engine, EngineError, Network, fits, inputs, outputs};

/// A network optimised for this processor.
pub(super) struct Tract {
    state: TypedSimpleState,
    /// Shared with the plan only while it runs, so that the next picture is written where the last one was.
    input: Arc<Tensor>,
    /// The input's width and height, and where among the inputs they belong.
    sizes: Option<(usize, Arc<Tensor>)>,
    outputs: Vec<usize>,
}

/// What the file says of an input's type and shape. Dimensions that it leaves open are -1.
fn claims(input: &ValueInfoProto) -> (String, Vec<i64>) {
    let Some(TypeProto { value: Some(TensorType(tensor)), .. }) = &input.r#type else { return Default::default() };
    let kind = match DataType::try_from(tensor.elem_type) {
        Ok(DataType::Float) => "f32".to_owned(),
        Ok(other) => other.as_str_name().to_lowercase(),
        Err(_) => format!("type {}", tensor.elem_type),
    };
    let dimensions = tensor.shape.iter().flat_map(|shape| &shape.dim);
    let size = |dimension: &Dimension| if let Some(DimValue(size)) = dimension.value { size } else { -1 };
    (kind, dimensions.map(size).collect())
}

impl Tract {
    /// Takes 0.3 to 1.7 s: optimising is worth it, a network not optimised is five times slower.
    pub(super) fn open(network: &Network<'_>) -> Result<Self, EngineError> {
        let failed = |e: TractError| EngineError::Load {
            engine: "tract",
            path: network.file.to_owned(),
            reason: format!("{e:#}"),
        };
        // Shapes that the file claims for the middle of the network may be left open, or be those of another input.
        let onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
        let file = onnx.proto_model_for_path(network.file).map_err(failed)?;
        let graph = file.graph.as_ref();
        let weights: Vec<&str> = graph.iter().flat_map(|g| &g.initializer).map(|t| t.name.as_str()).collect();
        let names = |v: &ValueInfoProto| v.name.clone();
        let known: Vec<String> =
            graph.iter().flat_map(|g| &g.input).map(names).filter(|name| !weights.contains(&name.as_str())).collect();
        let (input, sizes) = inputs(network, &known)?;
        if let Some(claimed) = graph.iter().flat_map(|g| &g.input).find(|v| v.name == network.input) {
            let (kind, shape) = claims(claimed);
            fits(network, &kind, &shape)?;
        }
        let known: Vec<String> = graph.iter().flat_map(|g| &g.output).map(names).collect();
        let outputs = outputs(network, &known)?;

        let load = || -> TractResult<Self> {
            let fact = f32::fact(network.shape);
            let mut model = onnx.model_for_proto_model(&file)?.with_input_fact(input, fact.into())?;
            if let Some(index) = sizes {
                model = model.with_input_fact(index, i64::fact([1, 2_usize]).into())?;
            }
            let size = Arc::new(Tensor::from_shape(&[1, 2], &network.size())?);
            Ok(Self {
                state: model.into_optimized()?.into_runnable()?.spawn()?,
                input: Arc::new(Tensor::zero::<f32>(&network.shape)?),
                sizes: sizes.map(|index| (index, size)),
                outputs,
            })
        };
        load().map_err(failed)
    }

    /// All that the network gives.
    fn values(&mut self) -> Result<TVec<TValue>, EngineError> {
        let mut inputs = tvec![TValue::from_const(Arc::clone(&self.input))];
        if let Some((index, sizes)) = &self.sizes {
            inputs.insert((*index).min(inputs.len()), TValue::from_const(Arc::clone(sizes)));
        }
        self.state.run(inputs).map_err(failed)
    }
}

impl Engine for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn input(&mut self) -> Result<&mut [f32], EngineError> {
        let view = Arc::make_mut(&mut self.input).to_plain_array_view_mut::<f32>().map_err(failed)?;
        view.into_slice().ok_or_else(|| failed("the input does not lie in one piece"))
    }

    fn run(&mut self, read: &mut dyn FnMut(&[&[f32]])) -> Result<(), EngineError> {
        let values = self.values()?;
        let floats = self.outputs.iter().map(|index| values[*index].cast_to::<f32>());
        let floats = floats.collect::<TractResult<Vec<Cow<'_, Tensor>>>>().map_err(failed)?;
        let slices = floats.iter().map(|tensor| tensor.try_as_plain_ram()?.as_slice::<f32>());
        read(&slices.collect::<TractResult<Vec<_>>>().map_err(failed)?);
        Ok(())
    }

    fn shapes(&mut self) -> Result<Vec<Vec<usize>>, EngineError> {
        let values = self.values()?;
        Ok(self.outputs.iter().map(|index| values[*index].shape().to_vec()).collect())
    }
}

fn failed(reason: impl std::fmt::Display) -> EngineError {
    // With `#`, tract's errors show what they were caused by.
    EngineError::Run { engine: "tract", reason: format!("{reason:#}") }
}
