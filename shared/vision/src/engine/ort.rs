//! ONNX Runtime, from a library that is loaded once for the whole process.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProvider};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::value::{DynValue, TensorRef, ValueType};

use super::{Device, Engine, EngineError, Network, fits, inputs, outputs};

/// The library that this process has loaded. ONNX Runtime allows one environment in a process and it can't be
/// unloaded, so a second library is refused.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// What keeps the library from writing a device id into the user's cache and reporting sessions to its maker, which
/// `with_telemetry(false)` doesn't in 1.31. It is read when the library is loaded.
const NO_REPORTS: &str = "ORT_DISABLE_TELEMETRY";

/// A session of ONNX Runtime.
pub(super) struct Ort {
    session: Session,
    name: &'static str,
    input_name: String,
    shape: [usize; 4],
    input: Vec<f32>,
    /// Name of the input that is told the other's width and height, and these.
    sizes: Option<(String, [i64; 2])>,
    outputs: Vec<String>,
}

impl Ort {
    /// Opens a session, and says why it isn't on CUDA where that was asked for.
    pub(super) fn open(
        network: &Network<'_>,
        library: &Path,
        device: Device,
        threads: usize,
    ) -> Result<(Self, Option<String>), EngineError> {
        let environment = environment(library)?;
        let (session, name, note) = match device {
            Device::Cpu => (session(&environment, network, threads, false)?, "ort", None),
            Device::Auto if !CUDA::is_available().unwrap_or(false) => {
                (session(&environment, network, threads, false)?, "ort", None)
            }
            Device::Auto | Device::Cuda => match session(&environment, network, threads, true) {
                Ok(session) => (session, "ort-cuda", None),
                Err(reason) => (
                    session(&environment, network, threads, false)?,
                    "ort",
                    Some(format!("CUDA was asked for, the CPU is used: {reason}")),
                ),
            },
        };
        let names = |outlets: &[ort::value::Outlet]| outlets.iter().map(|o| o.name().to_owned()).collect::<Vec<_>>();
        let (picture, _) = inputs(network, &names(session.inputs()))?;
        if let ValueType::Tensor { ty, shape, .. } = session.inputs()[picture].dtype() {
            fits(network, &ty.to_string(), shape)?;
        }
        outputs(network, &names(session.outputs()))?;
        let input = vec![0.0; network.shape.iter().product()];
        let outputs = network.outputs.iter().map(|o| o.name.clone()).collect();
        let engine = Self {
            session,
            name,
            input_name: network.input.to_owned(),
            shape: network.shape,
            input,
            sizes: network.sizes.map(|name| (name.to_owned(), network.size())),
            outputs,
        };
        Ok((engine, note))
    }

    /// The outputs that the head needs, in its order.
    fn values(&mut self) -> Result<Vec<DynValue>, EngineError> {
        let input = TensorRef::from_array_view((self.shape, self.input.as_slice())).map_err(failed)?;
        let mut inputs = ort::inputs![self.input_name.as_str() => input];
        if let Some((name, size)) = &self.sizes {
            let size = TensorRef::from_array_view(([1, 2_usize], size.as_slice())).map_err(failed)?;
            inputs.push((name.as_str().into(), size.into()));
        }
        let mut values = self.session.run(inputs).map_err(failed)?;
        let value = |name: &String| {
            let missing = || EngineError::Run { engine: "ort", reason: format!("output {name:?} did not come") };
            values.remove(name).ok_or_else(missing)
        };
        self.outputs.iter().map(value).collect()
    }
}

impl Engine for Ort {
    fn name(&self) -> &'static str {
        self.name
    }

    fn input(&mut self) -> Result<&mut [f32], EngineError> {
        Ok(&mut self.input)
    }

    fn run(&mut self, read: &mut dyn FnMut(&[&[f32]])) -> Result<(), EngineError> {
        let values = self.values()?;
        let floats = values.iter().map(|value| floats(value).map_err(failed)).collect::<Result<Vec<_>, _>>()?;
        read(&floats.iter().map(|values| &**values).collect::<Vec<_>>());
        Ok(())
    }

    fn shapes(&mut self) -> Result<Vec<Vec<usize>>, EngineError> {
        let shape = |value: &DynValue| {
            let shape = value.dtype().tensor_shape().into_iter().flat_map(|shape| shape.iter());
            shape.map(|size| usize::try_from(*size).unwrap_or_default()).collect()
        };
        Ok(self.values()?.iter().map(shape).collect())
    }
}

/// A tensor's values where they lie, or turned into f32 where they are whole numbers.
fn floats(value: &DynValue) -> ort::Result<Cow<'_, [f32]>> {
    match value.try_extract_tensor::<f32>() {
        Ok((_, floats)) => Ok(Cow::Borrowed(floats)),
        Err(reason) => match value.try_extract_tensor::<i64>() {
            Ok((_, numbers)) => Ok(Cow::Owned(numbers.iter().map(|number| *number as f32).collect())),
            Err(_) => Err(reason),
        },
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "ONNX Runtime itself reads the variable, and reports where it is not set"
)]
fn environment(library: &Path) -> Result<Environment, EngineError> {
    let refused = |reason: String| EngineError::Library { path: library.to_owned(), reason };
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if std::env::var_os(NO_REPORTS).is_none_or(|is| is != "1") {
        return Err(refused(format!("set {NO_REPORTS}=1 before the program starts, or it reports to its maker")));
    }
    match &*loaded {
        Some((path, environment)) if path == library => return Ok(environment.clone()),
        Some((path, _)) => return Err(refused(format!("this process already uses {}", path.display()))),
        None => {}
    }
    // What goes wrong comes back as an error and is logged where that is handled; the library's own lines, which are
    // as loud about a fallback it chose as about a failure, are for whoever looks into it.
    let log = |_: LogLevel, category: &str, _: &str, _: &str, message: &str| {
        tracing::debug!(target: "onnxruntime", category, "{message}");
    };
    let builder = ort::init_from(library).map_err(|e| refused(e.to_string()))?;
    let environment = builder
        .with_name("omma")
        .with_telemetry(false)
        .with_logger(Arc::new(log))
        .build()
        .map_err(|e| refused(e.to_string()))?;
    *loaded = Some((library.to_owned(), environment.clone()));
    Ok(environment)
}

fn session(
    environment: &Environment,
    network: &Network<'_>,
    threads: usize,
    cuda: bool,
) -> Result<Session, EngineError> {
    let open = || -> Result<Session, String> {
        let builder = Session::builder(environment).map_err(|e| e.to_string())?;
        let mut builder = builder.with_intra_threads(threads.max(1)).map_err(|e| e.to_string())?;
        if cuda {
            let provider = CUDA::default().build().error_on_failure();
            builder = builder.with_execution_providers([provider]).map_err(|e| e.to_string())?;
        }
        builder.commit_from_file(network.file).map_err(|e| e.to_string())
    };
    open().map_err(|reason| EngineError::Load { engine: "ort", path: network.file.to_owned(), reason })
}

fn failed(error: ort::Error) -> EngineError {
    EngineError::Run { engine: "ort", reason: error.to_string() }
}
