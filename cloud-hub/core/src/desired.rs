//! Whether a text can be what an edge shall be.
//!
//! The edge is who judges it: it knows its version's keys, and its machine. What is found here is what a person who is about
//! to send it wants to know at once, and what no edge of any version would take. No fault holds anything of the text but keys
//! and names: it holds passwords.

use std::collections::BTreeSet;

use omma_protocol::id::CameraId;
use toml::{Table, Value};

/// Most cameras that one edge may have.
pub const MAX_CAMERAS: usize = 256;
/// Faults that are told.
const MAX_FAULTS: usize = 20;

/// How many cameras the text has.
///
/// # Errors
/// What is wrong with it and where, one line for each fault.
pub fn check(text: &str) -> Result<usize, Vec<String>> {
    let table: Table = text.parse().map_err(|e| vec![broken(text, &e)])?;
    let Some(cameras) = table.get("camera") else {
        return Err(vec!["camera: missing: every [[camera]] that the edge shall have".to_owned()]);
    };
    let Some(cameras) = cameras.as_array() else {
        return Err(vec!["camera: expected [[camera]], an array of tables".to_owned()]);
    };
    let (mut faults, mut seen) = (vec![], BTreeSet::new());
    if cameras.is_empty() || cameras.len() > MAX_CAMERAS {
        faults.push(format!("camera: expected 1 to {MAX_CAMERAS}, found {}", cameras.len()));
    }
    for (n, camera) in cameras.iter().enumerate() {
        match camera.get("id").and_then(Value::as_str).map(str::parse::<CameraId>) {
            Some(Ok(id)) => {
                if !seen.insert(id.clone()) {
                    faults.push(format!("camera[{n}].id: `{id}` is there twice"));
                }
            }
            _ => faults.push(format!("camera[{n}].id: expected a name of a to z, 0 to 9, `-` and `_`")),
        }
        if camera.get("url").and_then(Value::as_str).is_none_or(str::is_empty) {
            faults.push(format!("camera[{n}].url: missing: it must be set"));
        }
    }
    faults.truncate(MAX_FAULTS);
    if faults.is_empty() { Ok(cameras.len()) } else { Err(faults) }
}

/// Not its `Display`, which shows the line that it is in.
fn broken(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: not TOML: {}", error.message())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "pw-zebra-umbrella";

    fn camera(id: &str) -> String {
        format!("[[camera]]\nid = \"{id}\"\nurl = \"rtsp://viewer:{SECRET}@192.0.2.7/live\"\nrate = 5\n")
    }

    fn fault(text: &str) -> String {
        check(text).unwrap_err().join("\n")
    }

    #[test]
    fn what_no_edge_would_take_is_refused_with_its_place() {
        assert_eq!(check(&(camera("door") + &camera("gate"))), Ok(2));
        // A later edge may know more keys.
        assert_eq!(check(&("[detect]\nmin_score = 0.5\n".to_owned() + &camera("door"))), Ok(1));
        for (text, expected) in [
            (String::new(), "camera: missing: every [[camera]] that the edge shall have"),
            ("camera = 7".to_owned(), "camera: expected [[camera]], an array of tables"),
            ("camera = []".to_owned(), "camera: expected 1 to 256, found 0"),
            (camera("door") + &camera("door"), "camera[1].id: `door` is there twice"),
            (camera("Front Door"), "camera[0].id: expected a name of a to z, 0 to 9, `-` and `_`"),
            ("[[camera]]\nid = \"door\"".to_owned(), "camera[0].url: missing: it must be set"),
        ] {
            assert_eq!(fault(&text), expected);
        }
        assert!(fault("camera = [1, 2]").contains("camera[1].id"));
        let many: String = (0..=MAX_CAMERAS).map(|n| camera(&format!("c{n}"))).collect();
        assert_eq!(fault(&many), "camera: expected 1 to 256, found 257");
        assert_eq!(check("camera = [{}]").unwrap_err().len(), 2);
    }

    #[test]
    fn broken_toml_is_told_with_its_line_and_without_what_stands_there() {
        for text in [
            camera("door").replace("/live\"", "/live"),
            camera("door").replace("rate = 5", "rate = 5 pw-zebra-umbrella"),
            camera("door") + "url = \"pw-zebra-umbrella\"\n",
            format!("{}\"{SECRET}\n", camera("door")),
        ] {
            let fault = fault(&text);
            assert!(fault.starts_with("line ") && fault.contains(": not TOML: "), "{fault}");
            assert!(!fault.contains("zebra"), "{fault}");
        }
        assert!(fault("camera = 1\n\n\nx").starts_with("line 4: "), "{}", fault("camera = 1\n\n\nx"));
    }

    proptest! {
        #[test]
        fn no_fault_shows_a_value(around in ".{0,40}", cut in 0usize..120) {
            let text = camera("door");
            let cut = text.char_indices().nth(cut).map_or(text.len(), |(at, _)| at);
            let text = format!("{}{around}{}", &text[..cut], &text[cut..]);
            if let Err(faults) = check(&text) {
                prop_assert!(!faults.concat().contains("zebra"), "{faults:?}");
            }
        }
    }
}
