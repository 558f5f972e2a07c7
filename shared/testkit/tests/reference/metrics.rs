//! Every metric: kind and labels from where it is counted, help from where it is described. One that is counted and not
//! described, or the reverse, fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::LitStr;

use crate::drops;
use crate::fields::{head, row};

const PROGRAMS: [(&str, &[&str]); 3] = [
    ("Both programs", &["shared/runtime/src", "shared/protocol/src", "shared/media/src", "shared/vision/src"]),
    ("edge-agent", &["edge-agent/src", "edge-agent/core/src"]),
    ("cloud-hub", &["cloud-hub/src", "cloud-hub/core/src"]),
];

/// What the sources of one program say of its metrics.
#[derive(Default)]
struct Found {
    /// Names by the constants that hold them.
    constants: BTreeMap<String, String>,
    calls: Vec<Call>,
    /// Names written anywhere but in a description.
    mentioned: BTreeSet<String>,
}

/// `counter!(…)` or `describe_counter!(…)`.
struct Call {
    kind: &'static str,
    describes: bool,
    arguments: Vec<Vec<TokenTree>>,
}

/// A row of the page.
#[derive(Default)]
struct Metric {
    kinds: BTreeSet<&'static str>,
    labels: BTreeSet<String>,
    help: Vec<String>,
    is_counted: bool,
}

pub(crate) fn page(root: &Path) -> String {
    let mut out = String::from(
        "# Every metric\n\n`/metrics` on each program's HTTP address has them in Prometheus' text format, those that were \
         counted at least once. Histograms of seconds have the same buckets everywhere.\n",
    );
    let mut faults = vec![];
    for (program, folders) in PROGRAMS {
        let mut found = Found::default();
        let mut files = vec![];
        folders.iter().for_each(|folder| rust_files(&root.join(folder), &mut files));
        files.sort();
        for file in &files {
            let text = fs::read_to_string(file).unwrap();
            let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            found.look(tokens);
        }
        out += &format!("\n## {program}\n\n");
        out += &head(&["metric", "kind", "labels", "help"]);
        for (name, metric) in found.metrics() {
            faults.extend(metric.faults().map(|fault| format!("{program}: {name} {fault}")));
            let kinds: Vec<&str> = metric.kinds.into_iter().collect();
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            out += &row(&[&format!("`{name}`"), &kinds.join(", "), &labels.join(", "), &metric.help.join(" ")]);
        }
        if let Some(table) = drops::table(&files, &mut faults) {
            out += &format!("\nIts steps drop for these reasons, counted from 0 on:\n\n{table}");
        }
    }
    assert!(faults.is_empty(), "metrics:\n{}", faults.join("\n"));
    out
}

/// Of the product, not of its tests.
fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())).flatten() {
        let path = entry.path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Found {
    fn look(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            at += match &trees[at..] {
                [TokenTree::Punct(hash), TokenTree::Group(cfg), rest @ ..]
                    if hash.as_char() == '#' && cfg.stream().to_string().replace(' ', "") == "cfg(test)" =>
                {
                    2 + item_length(rest)
                }
                [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(group), ..]
                    if bang.as_char() == '!' && kind_of(&name.to_string()).is_some() =>
                {
                    self.call(&name.to_string(), group.stream());
                    3
                }
                // Prometheus' own names, which the process adds by hand.
                [TokenTree::Ident(name), TokenTree::Group(group), ..] if name == "add" => {
                    self.added(group.stream());
                    1
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), ..] if word == "const" => {
                    if let Some(value) = trees[at..].iter().take_while(|tree| !is(tree, ';')).find_map(metric_name) {
                        self.constants.insert(name.to_string(), value);
                    }
                    1
                }
                [TokenTree::Group(group), ..] => {
                    self.look(group.stream());
                    1
                }
                [tree, ..] => {
                    self.mentioned.extend(metric_name(tree));
                    1
                }
                [] => break,
            };
        }
    }

    fn call(&mut self, name: &str, arguments: TokenStream) {
        let Some((describes, kind)) = kind_of(name) else { return };
        let trees: Vec<TokenTree> = arguments.clone().into_iter().collect();
        if !describes {
            // A name, and whatever is nested in the labels' values.
            self.look(arguments);
        }
        let arguments = trees.split(|tree| is(tree, ',')).map(<[TokenTree]>::to_vec).collect();
        self.calls.push(Call { kind, describes, arguments });
    }

    /// `add("process_…", "gauge", "Help.", …)`
    fn added(&mut self, arguments: TokenStream) {
        let trees: Vec<TokenTree> = arguments.into_iter().collect();
        let texts: Vec<Option<String>> = trees.split(|tree| is(tree, ',')).map(|tree| text(tree.first()?)).collect();
        let [Some(name), Some(kind), Some(_), ..] = texts.as_slice() else { return };
        let Some((_, kind)) = kind_of(kind).filter(|_| name.starts_with("process_")) else { return };
        let arguments: Vec<Vec<TokenTree>> = trees.split(|tree| is(tree, ',')).map(<[TokenTree]>::to_vec).collect();
        self.mentioned.insert(name.clone());
        self.calls.push(Call { kind, describes: true, arguments: vec![arguments[0].clone(), arguments[2].clone()] });
    }

    fn metrics(&self) -> BTreeMap<String, Metric> {
        let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
        for name in &self.mentioned {
            metrics.entry(name.clone()).or_default().is_counted = true;
        }
        for call in &self.calls {
            let Some(name) = call.arguments.first().and_then(|argument| self.name(argument)) else { continue };
            let metric = metrics.entry(name).or_default();
            metric.kinds.insert(call.kind);
            if call.describes {
                metric.help.extend(call.arguments.iter().skip(1).filter_map(|argument| text(argument.last()?)));
            } else {
                metric.is_counted = true;
                let labels =
                    call.arguments.iter().skip(1).filter(|argument| argument.get(1).is_some_and(|t| is(t, '=')));
                metric.labels.extend(labels.filter_map(|argument| text(argument.first()?)));
            }
        }
        metrics
    }

    /// A literal, or the constant that a path ends in.
    fn name(&self, argument: &[TokenTree]) -> Option<String> {
        let last = argument.last()?;
        text(last).or_else(|| self.constants.get(&last.to_string()).cloned())
    }
}

impl Metric {
    fn faults(&self) -> impl Iterator<Item = String> {
        let described = self.help.len();
        let faults = [
            (described == 0, "has no description: add it to its step's `describe`".to_owned()),
            (described > 1, format!("is described {described} times")),
            (described > 0 && !self.is_counted, "is described and never counted".to_owned()),
            (self.kinds.len() > 1, format!("is of several kinds: {:?}", self.kinds)),
        ];
        faults.into_iter().filter(|(wrong, _)| *wrong).map(|(_, fault)| fault)
    }
}

/// Whether a macro describes, and what kind of metric it is about.
fn kind_of(name: &str) -> Option<(bool, &'static str)> {
    let kind = name.strip_prefix("describe_");
    let known = ["counter", "gauge", "histogram"].into_iter().find(|known| *known == kind.unwrap_or(name))?;
    Some((kind.is_some(), known))
}

/// Trees until an item's body or semicolon.
fn item_length(trees: &[TokenTree]) -> usize {
    let ends =
        |tree: &TokenTree| is(tree, ';') || matches!(tree, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace);
    trees.iter().position(ends).map_or(trees.len(), |end| end + 1)
}

fn is(tree: &TokenTree, punctuation: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == punctuation)
}

/// What a text literal holds.
pub(crate) fn text(tree: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = tree else { return None };
    syn::parse_str::<LitStr>(&literal.to_string()).ok().map(|text| text.value())
}

fn metric_name(tree: &TokenTree) -> Option<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text(tree).filter(|text| text.starts_with("omma_") && text.chars().all(is_name))
}

fn found_in(text: &str) -> BTreeMap<String, Metric> {
    let mut found = Found::default();
    found.look(text.parse().unwrap());
    found.metrics()
}

#[test]
fn what_is_counted_and_not_described_or_the_reverse_is_a_fault() {
    let metrics = found_in(
        r#"
        const B: &str = "omma_b";
        fn describe() { describe_gauge!(module::B, Unit::Seconds, "B."); describe_counter!("omma_c_total", "C."); }
        fn f() { metrics::counter!("omma_a_total", "camera" => id(1, 2)).increment(1); gauge!(B).set(2.0); }
        #[cfg(test)]
        mod tests { fn g() { counter!("omma_d_total").increment(1); } }
        "#,
    );
    let faults = |name: &str| metrics[name].faults().collect::<Vec<_>>().join("; ");
    assert!(faults("omma_a_total").starts_with("has no description"), "{}", faults("omma_a_total"));
    assert_eq!(
        (faults("omma_b"), faults("omma_c_total")),
        (String::new(), "is described and never counted".to_owned())
    );
    assert!(!metrics.contains_key("omma_d_total"));
    assert_eq!(metrics["omma_a_total"].labels.iter().collect::<Vec<_>>(), ["camera"]);
    assert_eq!(metrics["omma_b"].help, ["B."]);
}
