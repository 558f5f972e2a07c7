//! One JSON object a line.

use std::fmt::Debug;
use std::io::Write;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// A layer that writes each event as a line of JSON.
pub(super) struct JsonLines<W> {
    writer: W,
    /// Whether each line begins with its priority.
    priority: bool,
}

impl<W> JsonLines<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, priority: false }
    }

    /// Each line begins with its priority as sd-daemon(3) has it, for the journal, which takes it off.
    pub(super) fn with_priority(self, priority: bool) -> Self {
        Self { writer: self.writer, priority }
    }
}

/// syslog(3).
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

/// The fields of a span, kept beside it in the registry.
struct SpanFields(Map<String, Value>);

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Collect(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields));
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(SpanFields(fields)) = span.extensions_mut().get_mut()
        {
            record.record(&mut Collect(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Map::new();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(SpanFields(of_span)) = span.extensions().get() {
                fields.extend(of_span.clone());
            }
        }
        event.record(&mut Collect(&mut fields));
        let line = Line {
            timestamp: now(),
            level: event.metadata().level().as_str(),
            step: fields.remove("step"),
            message: fields.remove("message"),
            target: event.metadata().target(),
            fields,
        };
        let mut bytes: Vec<u8> = if self.priority { priority(*event.metadata().level()).into() } else { vec![] };
        if serde_json::to_writer(&mut bytes, &line).is_err() {
            return;
        }
        bytes.push(b'\n');
        // Where standard error is closed there is nobody to tell.
        self.writer.make_writer_for(event.metadata()).write_all(&bytes).unwrap_or_default();
    }
}

/// In the order in which a person reads it.
#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
    target: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
}

/// RFC 3339, UTC, with microseconds.
fn now() -> String {
    let mut text = String::new();
    match tracing_subscriber::fmt::time::SystemTime.format_time(&mut Writer::new(&mut text)) {
        Ok(()) => text,
        Err(_) => format!("{:?}", SystemTime::now()),
    }
}

struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    pub(in crate::telemetry) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        pub(in crate::telemetry) fn lines(&self) -> Vec<Value> {
            let bytes = self.0.lock().unwrap().clone();
            String::from_utf8(bytes).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = Registry::default().with(JsonLines::new(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, log);
        captured.lines()
    }

    #[test]
    fn a_line_carries_its_own_fields_and_those_of_the_spans_around_it() {
        let lines = lines(|| {
            let outer = tracing::info_span!("step", step = "decode", camera = "door", late = tracing::field::Empty);
            outer.record("late", 3);
            let _outer = outer.enter();
            tracing::warn!(camera = "gate", error = %"line\n\"two\"", "picture {}", 7);
        });
        let line = &lines[0];
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (&line["level"], &line["step"], &line["message"]),
            (&"WARN".into(), &"decode".into(), &"picture 7".into())
        );
        let fields = serde_json::json!({"camera": "gate", "error": "line\n\"two\"", "late": 3});
        assert_eq!(line["fields"], fields);
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(timestamp.len() == 27 && timestamp.ends_with('Z') && timestamp.contains('T'), "{timestamp}");
    }

    #[test]
    fn for_the_journal_a_line_begins_with_its_priority() {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = Registry::default().with(JsonLines::new(move || writer.clone()).with_priority(true));
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!("a");
            tracing::warn!("b");
            tracing::info!("c");
            tracing::debug!("d");
        });
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        let begins: Vec<String> = text.lines().map(|line| line.chars().take(4).collect()).collect();
        assert_eq!(begins, ["<3>{", "<4>{", "<6>{", "<7>{"]);
    }

    #[test]
    fn a_line_outside_of_any_span_has_no_step() {
        let lines = lines(|| tracing::info!("up"));
        assert_eq!((lines[0].get("step"), lines[0].get("fields")), (None, None));
    }
}
