//! Items of Rust files, by name, and what their attributes and expressions say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use syn::{
    Attribute, Block, Expr, ExprLit, ImplItem, Item, ItemEnum, ItemStruct, Lit, LitStr, Member, Meta, Stmt, Token,
    Type, Variant,
};

/// Of several files. Where two have an item of one name, that of the file named first counts.
#[derive(Default)]
pub(crate) struct Source {
    structs: BTreeMap<String, ItemStruct>,
    enums: BTreeMap<String, ItemEnum>,
    /// `NAME` or `Owner::NAME`.
    constants: BTreeMap<String, Expr>,
    /// `name` or `Owner::name`.
    functions: BTreeMap<String, Block>,
}

impl Source {
    pub(crate) fn read(root: &Path, files: &[&str]) -> Self {
        let mut source = Self::default();
        for file in files {
            let text = fs::read_to_string(root.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
            let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
            parsed.items.into_iter().for_each(|item| source.add(item));
        }
        source
    }

    fn add(&mut self, item: Item) {
        match item {
            Item::Struct(item) => {
                self.structs.entry(item.ident.to_string()).or_insert(item);
            }
            Item::Enum(item) => {
                self.enums.entry(item.ident.to_string()).or_insert(item);
            }
            Item::Const(item) => {
                self.constants.entry(item.ident.to_string()).or_insert(*item.expr);
            }
            Item::Fn(item) => {
                self.functions.entry(item.sig.ident.to_string()).or_insert(*item.block);
            }
            Item::Impl(item) => {
                let Type::Path(owner) = *item.self_ty else { return };
                let Some(owner) = owner.path.segments.last().map(|last| last.ident.to_string()) else { return };
                for part in item.items {
                    match part {
                        ImplItem::Const(part) => {
                            self.constants.entry(format!("{owner}::{}", part.ident)).or_insert(part.expr);
                        }
                        ImplItem::Fn(part) => {
                            self.functions.entry(format!("{owner}::{}", part.sig.ident)).or_insert(part.block);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    pub(crate) fn structure(&self, name: &str) -> Option<&ItemStruct> {
        self.structs.get(name)
    }

    /// The name of a struct that is there, as kept.
    pub(crate) fn structure_name(&self, name: &str) -> Option<&str> {
        self.structs.get_key_value(name).map(|(name, _)| name.as_str())
    }

    pub(crate) fn enumeration(&self, name: &str) -> Option<&ItemEnum> {
        self.enums.get(name)
    }

    /// What a constant, `NAME` or `Owner::NAME`, is as TOML.
    pub(crate) fn constant(&self, name: &str) -> Option<String> {
        let owner = name.rsplit_once("::").map_or("", |(owner, _)| owner);
        self.value(self.constants.get(name)?, owner)
    }

    /// What a function without arguments gives, as TOML.
    pub(crate) fn result(&self, name: &str) -> Option<String> {
        let owner = name.rsplit_once("::").map_or("", |(owner, _)| owner);
        self.value(last(self.functions.get(name)?)?, owner)
    }

    /// What `Default` gives for a field of a struct, as TOML; `None` where it is derived.
    pub(crate) fn default_of(&self, owner: &str, field: &str) -> Option<String> {
        let Some(Expr::Struct(made)) = last(self.functions.get(&format!("{owner}::default"))?) else {
            panic!("{owner}::default() is not one struct: the reference can't read it");
        };
        let set = made.fields.iter().find(|set| matches!(&set.member, Member::Named(name) if name == field));
        let value = set.and_then(|set| self.value(&set.expr, owner));
        Some(value.unwrap_or_else(|| panic!("the reference can't read the default of `{field}` in {owner}")))
    }

    /// How serde writes a variant.
    pub(crate) fn variant(&self, of: &ItemEnum, variant: &Variant) -> String {
        if let Some(name) = Serde::of(&variant.attrs).rename {
            return name;
        }
        let name = variant.ident.to_string();
        match Serde::of(&of.attrs).rename_all.as_deref() {
            Some("lowercase") => name.to_lowercase(),
            Some("snake_case") => snake_case(&name),
            other => panic!("{}: the reference does not know rename_all = {other:?}", of.ident),
        }
    }

    fn value(&self, expr: &Expr, owner: &str) -> Option<String> {
        match expr {
            Expr::Lit(ExprLit { lit, .. }) => match lit {
                Lit::Str(text) => Some(format!("{:?}", text.value())),
                Lit::Int(number) => Some(number.base10_digits().to_owned()),
                Lit::Float(number) => Some(number.base10_digits().to_owned()),
                Lit::Bool(yes) => Some(yes.value.to_string()),
                _ => None,
            },
            Expr::Path(path) => {
                let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                    ["None"] => Some(NOTHING.to_owned()),
                    [name] => self.constant(name),
                    [.., "Self", name] => self.constant(&format!("{owner}::{name}")),
                    [.., of, name] => self.constant(&format!("{of}::{name}")).or_else(|| self.named(of, name)),
                    [] => None,
                }
            }
            Expr::Macro(made) if made.mac.path.is_ident("vec") && made.mac.tokens.is_empty() => {
                Some(NOTHING.to_owned())
            }
            // `([127, 0, 0, 1], 80).into()`, `"text".to_owned()`
            Expr::MethodCall(call) if call.args.is_empty() && (call.method == "into" || call.method == "to_owned") => {
                self.value(&call.receiver, owner)
            }
            // `SocketAddr::from(([127, 0, 0, 1], 80))`
            Expr::Call(call) => match (call.func.as_ref(), call.args.first()) {
                (Expr::Path(path), Some(argument))
                    if path.path.segments.last().is_some_and(|name| name.ident == "from") =>
                {
                    self.value(argument, owner)
                }
                _ => None,
            },
            Expr::Range(range) => {
                let (from, to) = (range.start.as_deref()?, range.end.as_deref()?);
                Some(format!("{} to {}", self.value(from, owner)?, self.value(to, owner)?))
            }
            Expr::Tuple(tuple) => {
                let (Expr::Array(ip), port) = (tuple.elems.first()?, tuple.elems.last()?) else { return None };
                let ip: Option<Vec<String>> = ip.elems.iter().map(|byte| self.value(byte, owner)).collect();
                Some(format!("\"{}:{}\"", ip?.join("."), self.value(port, owner)?))
            }
            _ => None,
        }
    }

    fn named(&self, of: &str, name: &str) -> Option<String> {
        let of = self.enums.get(of)?;
        let variant = of.variants.iter().find(|variant| variant.ident == name)?;
        Some(format!("{:?}", self.variant(of, variant)))
    }
}

/// In place of what is not there.
pub(crate) const NOTHING: &str = "";

fn last(block: &Block) -> Option<&Expr> {
    match block.stmts.as_slice() {
        [Stmt::Expr(value, None)] => Some(value),
        _ => None,
    }
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The paragraphs of a doc comment, each in one line.
pub(crate) fn docs(attributes: &[Attribute]) -> Vec<String> {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| {
        let Meta::NameValue(doc) = &attribute.meta else { return None };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &doc.value else { return None };
        Some(line.value().trim().to_owned())
    });
    let text = lines.collect::<Vec<_>>().join("\n").replace("[`", "`").replace("`]", "`");
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect()
}

/// What serde is told of a field, struct or enum.
#[derive(Default)]
pub(crate) struct Serde {
    pub(crate) default: Option<Fallback>,
    pub(crate) rename: Option<String>,
    pub(crate) may_be_absent: bool,
    rename_all: Option<String>,
}

/// What stands in for a key that is not written.
pub(crate) enum Fallback {
    /// That of the type.
    Type,
    /// The result of a function.
    Function(String),
}

impl Serde {
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        let mut serde = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            let read = attribute.parse_nested_meta(|meta| {
                let value =
                    if meta.input.peek(Token![=]) { Some(meta.value()?.parse::<LitStr>()?.value()) } else { None };
                let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                match (name.as_str(), value) {
                    ("default", None) => serde.default = Some(Fallback::Type),
                    ("default", Some(function)) => serde.default = Some(Fallback::Function(function)),
                    ("rename", Some(name)) => serde.rename = Some(name),
                    ("rename_all", Some(rule)) => serde.rename_all = Some(rule),
                    ("skip_serializing_if", _) => serde.may_be_absent = true,
                    ("deny_unknown_fields", None) => {}
                    _ => return Err(meta.error("the reference does not know this attribute of serde's")),
                }
                Ok(())
            });
            read.unwrap_or_else(|e| panic!("{e}"));
        }
        serde
    }
}
