//! Every topic, from the table of what is agreed of each, and the messages that it names. The programs take from that table
//! what is retained.

use std::path::Path;

use omma_protocol::wire::mqtt::{
    CONTRACTS, PROP_CROP, PROP_OUTBOX, PROP_REVISION, PROP_SEQUENCE, PROP_TIME, Party, Payload, QOS, Retained,
};

use crate::fields::{head, inner, keys, parts, row, values, words};
use crate::source::{Source, docs};

const FILES: [&str; 5] = [
    "shared/protocol/src/wire/mqtt.rs",
    "shared/protocol/src/wire/mqtt/control.rs",
    "shared/protocol/src/wire/mqtt/health.rs",
    "shared/protocol/src/wire/mqtt/why.rs",
    "shared/protocol/src/camera.rs",
];

pub(crate) fn page(root: &Path) -> String {
    let source = Source::read(root, &FILES);
    let mut out = format!(
        "# Every topic over MQTT\n\nMQTT 5, QoS {QOS}. How they are used: [operate/mqtt.md](../operate/mqtt.md). A class is \
         named as the model names it, what a topic can't hold as `_`. Pictures carry the user properties `{PROP_OUTBOX}`, \
         `{PROP_SEQUENCE}`, `{PROP_REVISION}` and `{PROP_TIME}`, and `{PROP_CROP}` where there is a crop: so many bytes of the \
         payload are the JPEG of the whole frame, and what follows is that of the crop. A reader of JPEG files shows the whole \
         frame.\n\n"
    );
    out += &head(&["topic", "payload", "from", "retained", "what it says"]);
    let mut messages: Vec<&str> = vec![];
    for contract in CONTRACTS {
        let payload = match contract.payload {
            Payload::Json(name) => {
                if !messages.contains(&name) {
                    messages.push(name);
                }
                format!("[`{name}`](#{})", name.to_lowercase())
            }
            Payload::Jpeg => "JPEG".to_owned(),
            Payload::Switch => "`ON`, `OFF`".to_owned(),
            Payload::Count => "number, decimal".to_owned(),
            Payload::Toml => "TOML".to_owned(),
            Payload::Anything => "anything".to_owned(),
        };
        let from = match contract.from {
            Party::Edge => "edge",
            Party::Hub => "hub",
            Party::Anyone => "anyone",
        };
        let retained = match contract.retained {
            Retained::Yes => "yes",
            Retained::No => "no",
            Retained::MayBe => "may be",
        };
        out += &row(&[&format!("`{}`", contract.name), &payload, from, retained, contract.what]);
    }
    out += "\n## Messages\n\nJSON. Unknown keys are ignored, so that later versions may add some; those of a command are \
            refused.\n";
    let mut told = 0;
    while let Some(name) = messages.get(told).copied() {
        told += 1;
        message(&mut out, &source, name, &mut messages);
    }
    out
}

/// Writes one, and adds those that it is made of.
fn message<'a>(out: &mut String, source: &'a Source, name: &str, messages: &mut Vec<&'a str>) {
    let item = source.structure(name).unwrap_or_else(|| panic!("{name} is not in {FILES:?}"));
    *out += &format!("\n### `{name}`\n\n{}\n\n", docs(&item.attrs).join(" "));
    *out += &head(&["key", "type", "may be absent", "what it is"]);
    let mut lists = String::new();
    for (key, field, serde) in keys(item) {
        let absent = if serde.may_be_absent { "yes" } else { "no" };
        *out += &row(&[&format!("`{key}`"), &words(source, &field.ty), absent, &docs(&field.attrs).join(" ")]);
        let within = parts(inner(&field.ty)).0;
        if let Some(part) = source.structure_name(&within).filter(|part| !messages.contains(part)) {
            messages.push(part);
        }
        if let Some(item) = source.enumeration(&within) {
            lists += "\n";
            for (value, what) in values(source, item) {
                lists += &format!("* `{key}` = `\"{value}\"`: {what}\n");
            }
        }
    }
    *out += &lists;
}
