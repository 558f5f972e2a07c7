//! Credentials come from files, from systemd or from the environment, not from the configuration's text.
//!
//! | written | stands for |
//! |---|---|
//! | `${file:/etc/omma/door}` | what the file holds, without the end of its line |
//! | `${credential:door}` | the same of `$CREDENTIALS_DIRECTORY/door`: systemd's `LoadCredential=` and its kin |
//! | `${env:DOOR}` | an environment variable |
//!
//! Within a URL (behind its `://`) what is put in is percent-encoded, so that the file holds the password as it is:
//! `rtsp://viewer:${file:/etc/omma/door}@192.0.2.20/stream1`. Whatever else begins with `${` stays as it is.
//!
//! A configuration that came from elsewhere names none of these: it could have this machine send any of its files as the
//! password of a camera that its author made up.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path as FilePath, PathBuf};

use super::document::{Kind, Node, Origin, Path, Segment};
use super::fault::{Fault, Faults};

/// A file larger than this holds no credential.
const LARGEST: u64 = 64 * 1024;

/// What is wrong with the rights of a file that holds a credential, and how to mend it. `None` where nothing is, or where
/// they can't be read.
pub fn exposed(file: &FilePath) -> Option<String> {
    let mode = fs::metadata(file).ok()?.permissions().mode();
    (mode & 0o004 != 0)
        .then(|| format!("{0} can be read by every user of this machine: `chmod o-rwx {0}`", file.display()))
}

/// Puts what placeholders stand for in their place, everywhere in the tree, and warns of passwords that are written
/// literally in the file.
pub(super) fn put_in(root: &mut Node, faults: &mut Faults) {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let variable = |name: &str| std::env::var(name).ok();
    let sources = Sources { trusted: true, directory: directory.as_deref(), variable: &variable };
    visit(root, &Path::default(), &Origin::None, &sources, faults);
}

/// Refuses each placeholder.
pub(super) fn refuse(root: &mut Node, faults: &mut Faults) {
    let sources = Sources { trusted: false, directory: None, variable: &|_| None };
    visit(root, &Path::default(), &Origin::None, &sources, faults);
}

struct Sources<'a> {
    /// Whether the text may have this machine's secrets looked up.
    trusted: bool,
    directory: Option<&'a FilePath>,
    variable: &'a dyn Fn(&str) -> Option<String>,
}

fn visit(node: &mut Node, path: &Path, around: &Origin, sources: &Sources<'_>, faults: &mut Faults) {
    let origin = if node.origin == Origin::None { around.clone() } else { node.origin.clone() };
    match &mut node.kind {
        Kind::Table(table) => {
            for (key, child) in table {
                visit(child, &path.key(key), &origin, sources, faults);
            }
        }
        Kind::Array(array) => {
            for (index, child) in array.iter_mut().enumerate() {
                visit(child, &path.with(Segment::Index(index)), &origin, sources, faults);
            }
        }
        Kind::Text(text) | Kind::Raw(text) => {
            let place = |message| Fault { origin: origin.clone(), path: path.clone(), message };
            match expand(text, sources) {
                Ok(Expanded { text: expanded, warnings, looked_up }) => {
                    warnings.into_iter().for_each(|warning| faults.add_warning(place(warning)));
                    if looked_up {
                        *text = expanded;
                    } else if matches!(origin, Origin::Line(_)) && is_literal(path, text) {
                        faults.add_warning(place(LITERAL.to_owned()));
                    }
                }
                Err(message) => {
                    faults.add(place(message));
                    faults.made_up(path.clone());
                    node.kind = Kind::Placeholder(0);
                }
            }
        }
        Kind::Integer(_) | Kind::Float(_) | Kind::Bool(_) | Kind::Placeholder(_) => {}
    }
}

const LITERAL: &str = "a credential is written here: put it into a file that only this program's user can read, and write \
                       ${file:/its/path} in its place, or ${credential:name} with systemd's LoadCredential=";

#[derive(Debug)]
struct Expanded {
    text: String,
    warnings: Vec<String>,
    /// Whether there was a placeholder at all.
    looked_up: bool,
}

fn expand(text: &str, sources: &Sources<'_>) -> Result<Expanded, String> {
    let mut expanded = Expanded { text: String::new(), warnings: vec![], looked_up: false };
    let mut rest = text;
    while let Some(begin) = rest.find("${") {
        let (before, from) = rest.split_at(begin);
        expanded.text += before;
        rest = from;
        let Some((kind, behind)) = from.strip_prefix("${").and_then(|inside| inside.split_once(':')) else { break };
        if !matches!(kind, "file" | "credential" | "env") {
            // Somebody's password: it is not ours.
            expanded.text += "${";
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        let (name, after) = behind.split_once('}').ok_or(format!("expected }} at the end of ${{{kind}:…"))?;
        let value = sources.get(kind, name, &mut expanded.warnings)?;
        let in_url = expanded.text.contains("://");
        expanded.text += &if in_url { percent_encoded(&value) } else { value };
        expanded.looked_up = true;
        rest = after;
    }
    expanded.text += rest;
    Ok(expanded)
}

impl Sources<'_> {
    /// The end of a message never holds what was read.
    fn get(&self, kind: &str, name: &str, warnings: &mut Vec<String>) -> Result<String, String> {
        if !self.trusted {
            return Err(format!("${{{kind}:…}} works only in this machine's own file: write the value itself"));
        }
        match (kind, self.directory) {
            ("env", _) => {
                let value = (self.variable)(name).filter(|value| !value.is_empty());
                value.ok_or(format!("the environment variable {name} is not set"))
            }
            ("credential", None) => Err(format!(
                "there is no CREDENTIALS_DIRECTORY: expected systemd to start this with LoadCredential={name}:/its/path"
            )),
            ("credential", Some(directory)) if is_name(name) => read(&directory.join(name)),
            ("credential", Some(_)) => Err(format!("{name:?} is no name of a credential: expected no slash")),
            _ => {
                let file = FilePath::new(name);
                let value = read(file)?;
                warnings.extend(exposed(file));
                Ok(value)
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains('/')
}

/// What a file holds that is a password or another credential, without the end of its line.
///
/// # Errors
/// Names the file and what is wrong: it can't be read, holds nothing, or more than 64 KiB. Holds nothing of its content.
pub fn read(file: &FilePath) -> Result<String, String> {
    let failed = |e: &dyn std::fmt::Display| format!("{} can't be read: {e}", file.display());
    if fs::metadata(file).map_err(|e| failed(&e))?.len() > LARGEST {
        return Err(format!("{} is too large for a credential", file.display()));
    }
    let text = fs::read_to_string(file).map_err(|e| failed(&e))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("{} is empty: expected a credential", file.display())),
        text => Ok(text.to_owned()),
    }
}

/// RFC 3986 §2.1, of all that is not unreserved (§2.3).
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// Whether the text itself holds a credential: a URL with a password, or the value of a key that is one.
fn is_literal(path: &Path, text: &str) -> bool {
    const KEYS: [&str; 4] = ["join", "password", "secret", "token"];
    let is_key = matches!(path.0.last(), Some(Segment::Key(key)) if KEYS.contains(&key.as_str()));
    is_key && !text.is_empty() || has_password(text)
}

/// RFC 3986 §3.2.1: `scheme://user:password@…`.
fn has_password(text: &str) -> bool {
    let authority =
        text.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(folder: &FilePath, name: &str, text: &str, mode: u32) -> String {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    /// Looks up in `folder`, and in one variable.
    fn look_up(text: &str, folder: Option<&FilePath>) -> Result<Expanded, String> {
        let variable = |name: &str| (name == "DOOR").then(|| "from env".to_owned());
        expand(text, &Sources { trusted: true, directory: folder, variable: &variable })
    }

    #[test]
    fn each_placeholder_gives_what_it_stands_for() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let door = file(folder, "door", "hunter 2:@\r\n", 0o600);
        for (written, expected) in [
            (format!("${{file:{door}}}"), "hunter 2:@"),
            ("${credential:door}".to_owned(), "hunter 2:@"),
            ("${env:DOOR}".to_owned(), "from env"),
            (format!("rtsp://viewer:${{file:{door}}}@cam/1"), "rtsp://viewer:hunter%202%3A%40@cam/1"),
            ("a${env:DOOR}b${env:DOOR}".to_owned(), "afrom envbfrom env"),
            ("${HOME} ${vault:x} ${".to_owned(), "${HOME} ${vault:x} ${"),
            ("$${env:DOOR}".to_owned(), "$from env"),
        ] {
            let expanded = look_up(&written, Some(folder)).unwrap();
            assert_eq!((expanded.text.as_str(), expanded.warnings), (expected, vec![]), "{written}");
        }
    }

    #[test]
    fn what_can_not_be_looked_up_is_said_with_the_remedy_and_without_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let empty = file(folder.path(), "empty", "\n", 0o600);
        for (written, folder, expected) in [
            ("${file:/no/such/file}", None, "/no/such/file can't be read"),
            (format!("${{file:{empty}}}").as_str(), None, "is empty"),
            ("${credential:door}", None, "LoadCredential=door"),
            ("${credential:door}", Some(folder.path()), "can't be read"),
            ("${credential:../door}", Some(folder.path()), "no slash"),
            ("${env:YARD}", None, "YARD is not set"),
            ("${env:DOOR", None, "expected }"),
        ] {
            let message = look_up(written, folder).unwrap_err();
            assert!(message.contains(expected), "{written}: {message}");
        }
    }

    #[test]
    fn a_file_that_everyone_can_read_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let open = file(folder.path(), "open", "hunter2", 0o644);
        let warnings = look_up(&format!("${{file:{open}}}"), None).unwrap().warnings;
        assert!(warnings.len() == 1 && warnings[0].contains("chmod o-rwx"), "{warnings:?}");
        assert!(!warnings[0].contains("hunter2"));
        assert_eq!(exposed(FilePath::new(&file(folder.path(), "shut", "x", 0o640))), None);
    }

    #[test]
    fn a_credential_in_the_file_is_warned_of_once_and_one_elsewhere_is_not() {
        #[derive(serde::Deserialize)]
        struct Written {
            url: String,
            join: String,
        }
        let of = |text: &str| {
            let (written, faults) = super::super::parse::<Written>(text, None, "OMMA_T", []).unwrap();
            assert!(!written.url.is_empty() && !written.join.is_empty());
            faults.warnings().collect::<Vec<_>>()
        };
        let literal = of("url = \"rtsp://viewer:hunter2@cam/1\"\njoin = \"hunter2\"");
        assert!(
            literal.len() == 2 && literal[0].starts_with("line 1: url: ") && literal[1].starts_with("line 2: join: ")
        );
        assert!(literal.iter().all(|line| line.contains("${file:") && !line.contains("hunter2")), "{literal:?}");
        let folder = tempfile::tempdir().unwrap();
        let secret = file(folder.path(), "secret", "hunter2", 0o600);
        let in_files = format!("url = \"rtsp://viewer:${{file:{secret}}}@cam/1\"\njoin = \"${{file:{secret}}}\"");
        assert_eq!(of(&in_files), Vec::<String>::new());
        let no_password = format!("url = \"rtsp://viewer@cam/a:b@c\"\njoin = \"${{file:{secret}}}\"");
        assert_eq!(of(&no_password), Vec::<String>::new());
    }

    proptest! {
        /// Percent-encoding keeps every password whole, and any text is expanded or refused.
        #[test]
        fn any_password_survives_a_url(password in "[^\r\n]{1,40}") {
            let variable = |_: &str| Some(password.clone());
            let expanded = expand("rtsp://u:${env:P}@h/", &Sources { trusted: true, directory: None, variable: &variable }).unwrap();
            let encoded = expanded.text.strip_prefix("rtsp://u:").unwrap().strip_suffix("@h/").unwrap();
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)), "{}", encoded);
            let mut bytes = vec![];
            let mut rest = encoded.bytes();
            while let Some(byte) = rest.next() {
                let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap() as u8;
                bytes.push(if byte == b'%' { digit() * 16 + digit() } else { byte });
            }
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), password);
        }

        #[test]
        fn any_text_is_expanded_or_refused(text in ".{0,80}", inside in ".{0,20}") {
            drop(look_up(&text, None));
            drop(look_up(&format!("${{env:{inside}}}${{file:{inside}"), None));
            has_password(&text);
        }
    }
}
