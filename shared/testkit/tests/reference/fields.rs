//! Fields and their types, in words for people.

use syn::{Field, Fields, GenericArgument, ItemEnum, ItemStruct, PathArguments, Type};

use crate::source::{Serde, Source, docs};

/// The type's name and its arguments: `Option`, `[T]`.
pub(crate) fn parts(ty: &Type) -> (String, Vec<&Type>) {
    match ty {
        Type::Array(array) => ("array".to_owned(), vec![array.elem.as_ref()]),
        Type::Path(path) => {
            let last = path.path.segments.last().expect("a path has segments");
            let arguments = match &last.arguments {
                PathArguments::AngleBracketed(written) => written.args.iter().filter_map(type_of).collect(),
                _ => vec![],
            };
            (last.ident.to_string(), arguments)
        }
        _ => panic!("the reference knows only names and arrays for types"),
    }
}

fn type_of(argument: &GenericArgument) -> Option<&Type> {
    match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// What is within `Option`, `Box` and `Vec`, in this order.
pub(crate) fn inner(ty: &Type) -> &Type {
    match parts(ty) {
        (name, arguments) if ["Option", "Box", "Vec"].contains(&name.as_str()) => inner(arguments[0]),
        _ => ty,
    }
}

pub(crate) fn is(ty: &Type, name: &str) -> bool {
    parts(ty).0 == name
}

/// The type in words; an enum by its values.
pub(crate) fn words(source: &Source, ty: &Type) -> String {
    let (name, arguments) = parts(ty);
    match (name.as_str(), arguments.as_slice()) {
        ("Option" | "Box", [ty]) => words(source, ty),
        ("Secret", [ty]) => format!("{}, secret", words(source, ty)),
        ("Vec", [ty]) => match (parts(ty).0.as_str(), parts(ty).1.as_slice()) {
            ("Vec", [number]) if is(number, "f32") => "list of points `[x, y]`".to_owned(),
            _ => format!("list of {}", words(source, ty)),
        },
        ("array", [ty]) => format!("`[{}, …]`", words(source, ty)),
        ("String", _) => "text".to_owned(),
        ("PathBuf", _) => "path".to_owned(),
        ("bool", _) => "true or false".to_owned(),
        ("u32" | "u64" | "usize" | "i64", _) => "whole number".to_owned(),
        ("f32" | "f64", _) => "number".to_owned(),
        ("SocketAddr", _) => "address with port".to_owned(),
        ("IpAddr", _) => "address".to_owned(),
        ("CameraId" | "EdgeId", _) => "name".to_owned(),
        ("StreamId", _) => "edge and camera, `edge.camera`".to_owned(),
        ("OutboxId" | "EventId" | "IncidentId", _) => "UUID".to_owned(),
        (name, _) => match (source.enumeration(name), source.structure(name)) {
            (Some(item), _) => {
                values(source, item).map(|(value, _)| format!("`\"{value}\"`")).collect::<Vec<_>>().join(", ")
            }
            (_, Some(_)) => format!("[`{name}`](#{})", name.to_lowercase()),
            _ => panic!("the reference does not know the type {name}: is its file among those that are read?"),
        },
    }
}

/// Each value of an enum as it is written, with its docs.
pub(crate) fn values<'a>(source: &'a Source, item: &'a ItemEnum) -> impl Iterator<Item = (String, String)> + 'a {
    item.variants.iter().map(move |variant| (source.variant(item, variant), docs(&variant.attrs).remove(0)))
}

/// Each field with its key and what serde is told of it.
pub(crate) fn keys(item: &ItemStruct) -> Vec<(String, &Field, Serde)> {
    let Fields::Named(fields) = &item.fields else { panic!("{}: expected named fields", item.ident) };
    let keys = fields.named.iter().map(|field| {
        let serde = Serde::of(&field.attrs);
        let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        (serde.rename.clone().unwrap_or(name), field, serde)
    });
    keys.collect()
}

/// A row of a table. Empty cells are drawn as a dash, so that nobody takes them for forgotten.
pub(crate) fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let drawn = cells.iter().map(|cell| if cell.is_empty() { "–" } else { cell.as_str() });
    format!("| {} |\n", drawn.collect::<Vec<_>>().join(" | "))
}

/// The head of a table.
pub(crate) fn head(cells: &[&str]) -> String {
    format!("| {} |\n|{}\n", cells.join(" | "), "---|".repeat(cells.len()))
}
