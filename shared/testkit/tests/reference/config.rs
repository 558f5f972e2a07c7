//! Every key of both programs' files. A field's first paragraph says what it is, its second, where there is one, within
//! what limits; names of constants in it give way to their values.

use std::path::Path;

use syn::ItemStruct;

use crate::fields::{head, inner, is, keys, parts, row, values, words};
use crate::source::{Fallback, NOTHING, Serde, Source, docs};

struct Program {
    name: &'static str,
    /// The struct of the whole file is `Written` in the first.
    files: &'static [&'static str],
    /// The constant that begins the names of the environment's variables.
    prefix: &'static str,
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "edge-agent",
        files: &[
            "edge-agent/src/config.rs",
            "edge-agent/src/config/checked.rs",
            "edge-agent/src/config/checked/camera.rs",
            "edge-agent/src/source/v4l2/format.rs",
            "shared/vision/src/event/rule/written.rs",
            "shared/vision/src/event/rule/config.rs",
            "shared/vision/src/event/rule/check/mod.rs",
            "shared/vision/src/event/rule/check/rule.rs",
            "shared/vision/src/event/rule/check/shapes.rs",
            "shared/vision/src/gate/config.rs",
            "shared/vision/src/engine/mod.rs",
            "shared/media/src/decode/choice.rs",
            "shared/protocol/src/camera.rs",
        ],
        prefix: "ENV_PREFIX",
    },
    Program {
        name: "cloud-hub",
        files: &[
            "cloud-hub/src/config/written.rs",
            "cloud-hub/src/config.rs",
            "cloud-hub/src/infer.rs",
            "cloud-hub/src/live.rs",
            "shared/vision/src/engine/mod.rs",
        ],
        prefix: "PREFIX",
    },
];

/// A section of the file.
struct Section<'a> {
    /// `camera.rule`
    path: String,
    /// There may be many.
    is_list: bool,
    required: bool,
    what: String,
    item: &'a ItemStruct,
}

pub(crate) fn page(root: &Path) -> String {
    let mut out = String::from(
        "# Every key of the configuration\n\nOne TOML file for each program; `check --config` says everything that is wrong \
         with it. *required*: there is no default. A dash as default: not set.\n\nAny key can come from the environment \
         instead, in upper case, two underscores between the keys, a number for a place in a list; any text may hold \
         `${file:…}`, `${credential:…}` and `${env:…}`. How they go together: [install](../operate/install.md), \
         [rules](../operate/rules.md).\n",
    );
    for program in PROGRAMS {
        let source = Source::read(root, program.files);
        let prefix = source.constant(program.prefix).expect("the prefix is a constant");
        let prefix = prefix.trim_matches('"');
        out += &format!("\n## {}\n\nIn the environment: `{prefix}_HTTP__LISTEN` for `http.listen`.\n", program.name);
        let whole = source.structure("Written").expect("the whole file is a struct");
        for (key, field, serde) in keys(whole) {
            section(&mut out, &source, &child(&source, "", &key, field, &serde).expect("a file has sections only"));
        }
    }
    out
}

/// The section that a field is, if it is one.
fn child<'a>(source: &'a Source, parent: &str, key: &str, field: &syn::Field, serde: &Serde) -> Option<Section<'a>> {
    let item = source.structure(&parts(inner(&field.ty)).0)?;
    Some(Section {
        path: if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") },
        is_list: is(&field.ty, "Vec"),
        required: serde.default.is_none() && !is(&field.ty, "Option"),
        what: with_values(source, &docs(&field.attrs)[0]),
        item,
    })
}

fn section(out: &mut String, source: &Source, this: &Section<'_>) {
    let Section { path, is_list, required, what, item } = this;
    let brackets = if *is_list { format!("[[{path}]]") } else { format!("[{path}]") };
    let required = if *required { ", required" } else { "" };
    assert!(!what.is_empty(), "{brackets} has no docs");
    *out += &format!("\n### `{brackets}`{required}\n\n{what}\n\n");
    *out += &head(&["key", "type", "default", "limits", "what it is"]);
    let (mut children, mut lists) = (vec![], String::new());
    for (key, field, serde) in keys(item) {
        if let Some(child) = child(source, path, &key, field, &serde) {
            children.push(child);
            continue;
        }
        let said = docs(&field.attrs);
        assert!(!said[0].is_empty(), "`{key}` of {brackets} has no docs");
        let limits = said.get(1).map(|limits| with_values(source, limits)).unwrap_or_default();
        let default = default(source, item, &key, field, &serde);
        *out +=
            &row(&[&format!("`{key}`"), &words(source, &field.ty), &default, &limits, &with_values(source, &said[0])]);
        if let Some(item) = source.enumeration(&parts(inner(&field.ty)).0) {
            lists += "\n";
            for (value, what) in values(source, item) {
                lists += &format!("* `{key} = \"{value}\"`: {what}\n");
            }
        }
    }
    *out += &lists;
    children.iter().for_each(|child| section(out, source, child));
}

fn default(source: &Source, item: &ItemStruct, key: &str, field: &syn::Field, serde: &Serde) -> String {
    let owner = item.ident.to_string();
    let value = match (&serde.default, &Serde::of(&item.attrs).default) {
        (Some(Fallback::Function(name)), _) => source.result(name),
        (Some(Fallback::Type), _) => of_type(source, &field.ty),
        (None, Some(_)) => source.default_of(&owner, key).or_else(|| of_type(source, &field.ty)),
        (None, None) if is(&field.ty, "Option") => of_type(source, &field.ty),
        (None, None) => return "*required*".to_owned(),
    };
    match value.unwrap_or_else(|| panic!("the reference can't read the default of `{key}` in {owner}")).as_str() {
        NOTHING => String::new(),
        value => format!("`{value}`"),
    }
}

fn of_type(source: &Source, ty: &syn::Type) -> Option<String> {
    match parts(ty).0.as_str() {
        "Option" | "Vec" => Some(NOTHING.to_owned()),
        "bool" => Some("false".to_owned()),
        name => {
            let item = source.enumeration(name)?;
            let is_default = |attribute: &syn::Attribute| attribute.path().is_ident("default");
            let variant = item.variants.iter().find(|variant| variant.attrs.iter().any(is_default))?;
            Some(format!("\"{}\"", source.variant(item, variant)))
        }
    }
}

/// Puts the value of each constant in place of its name: the checks use it too.
fn with_values(source: &Source, text: &str) -> String {
    let is_constant = |part: &str| {
        let name = part.rsplit_once("::").map_or(part, |(_, name)| name);
        name.len() > 1
            && name.contains('_')
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let parts = text.split('`').enumerate().map(|(n, part)| match n % 2 {
        1 if is_constant(part) => {
            let value = source.constant(part).unwrap_or_else(|| panic!("the reference can't read the constant {part}"));
            value.strip_suffix(".0").unwrap_or(&value).to_owned()
        }
        1 => format!("`{part}`"),
        _ => part.to_owned(),
    });
    parts.collect()
}
