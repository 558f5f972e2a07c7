//! Why each step drops, of a program's module `step`. A reason that its sources count by and do not declare fails, and so does
//! one that they declare and nowhere name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Expr, Item, Lit};

use crate::fields::{head, row};
use crate::metrics::text;

/// The table of a program, whose sources are `files`; `None` where it declares no steps.
pub(crate) fn table(files: &[PathBuf], faults: &mut Vec<String>) -> Option<String> {
    let declares =
        |file: &&PathBuf| file.ends_with("edge-agent/src/step.rs") || file.ends_with("cloud-hub/src/step.rs");
    let declaring = files.iter().find(declares)?;
    let kinds = declared(declaring, faults);
    let mut used = Used::default();
    files.iter().filter(|file| *file != declaring).for_each(|file| used.look(read(file).parse().unwrap()));
    let reasons: BTreeSet<&String> = kinds.iter().flat_map(|(_, reasons)| reasons).collect();
    let undeclared = used.counted.iter().filter(|reason| !reasons.contains(reason));
    faults.extend(undeclared.map(|reason| format!("no step in {} drops for: {reason}", declaring.display())));
    let unused = reasons.iter().filter(|reason| !used.texts.contains(**reason));
    faults
        .extend(unused.map(|reason| format!("{} declares a drop that nothing counts: {reason}", declaring.display())));
    let mut out = head(&["step", "`reason` of `omma_step_dropped_total`"]);
    for (step, reasons) in kinds.iter().filter(|(_, reasons)| !reasons.is_empty()) {
        let reasons: Vec<String> = reasons.iter().map(|reason| format!("`{reason}`")).collect();
        out += &row(&[&format!("`{step}`"), &reasons.join(", ")]);
    }
    Some(out)
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// Each `const NAME: Kind = Kind::new("step", &["reason"])`, all of which must stand in `ALL`.
fn declared(file: &Path, faults: &mut Vec<String>) -> Vec<(String, Vec<String>)> {
    let (mut kinds, mut names, mut all) = (vec![], BTreeSet::new(), BTreeSet::new());
    for item in syn::parse_file(&read(file)).unwrap_or_else(|e| panic!("{}: {e}", file.display())).items {
        let Item::Const(item) = item else { continue };
        match *item.expr {
            Expr::Call(call) => {
                let [step, reasons] = call.args.iter().collect::<Vec<_>>()[..] else {
                    panic!("{}: {} is not read", file.display(), item.ident)
                };
                let reasons = array(reasons).into_iter().map(literal).collect();
                names.insert(item.ident.to_string());
                kinds.push((literal(step), reasons));
            }
            list => all.extend(array(&list).iter().filter_map(|kind| match kind {
                Expr::Path(kind) => kind.path.get_ident().map(ToString::to_string),
                _ => None,
            })),
        }
    }
    faults.extend(names.difference(&all).map(|name| format!("{}: ALL lacks {name}", file.display())));
    kinds
}

fn array(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Reference(reference) => array(&reference.expr),
        Expr::Array(array) => array.elems.iter().collect(),
        _ => panic!("a list of steps or reasons is no array"),
    }
}

fn literal(expr: &Expr) -> String {
    match expr {
        Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => text.value(),
        _ => panic!("a step or a reason is no text"),
    }
}

/// Texts of the sources, and those that a drop is counted by.
#[derive(Default)]
struct Used {
    texts: BTreeSet<String>,
    counted: BTreeSet<String>,
}

impl Used {
    fn look(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, tree) in trees.iter().enumerate() {
            self.texts.extend(text(tree));
            let TokenTree::Group(group) = tree else { continue };
            if let Some(TokenTree::Ident(name)) = at.checked_sub(1).map(|before| &trees[before])
                && ["dropped", "dropped_many"].contains(&name.to_string().as_str())
            {
                self.counted.extend(group.stream().into_iter().next().as_ref().and_then(text));
            }
            self.look(group.stream());
        }
    }
}
