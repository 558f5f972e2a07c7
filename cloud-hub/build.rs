//! Finds the page that goes into the program: `web/dist`, which `make web` builds.
//!
//! The hub is of use without its page, to those who work on it and to programs, so that a missing one does not fail
//! the build: a page that says so takes its place, and the build warns. `OMMA_REQUIRE_WEB=1`, which packaging sets,
//! makes it an error.

use std::path::PathBuf;
use std::{env, fs};

const MISSING: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Omma</title>
<h1>This hub was built without its page</h1>
<p>Build it with <code>make web</code>, then build the hub again. The interface works: see
<a href=\"/api/openapi.json\">its description</a>.</p>
</html>
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../web/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-env-changed=OMMA_REQUIRE_WEB");
    let folder = if dist.join("index.html").is_file() {
        dist.canonicalize()?
    } else if env::var_os("OMMA_REQUIRE_WEB").is_some_and(|v| v == "1") {
        return Err("web/dist/index.html is missing: build the page first (`make web`)".into());
    } else {
        println!("cargo:warning=web/dist is missing: the hub is built without its page (`make web` builds it)");
        let folder = PathBuf::from(env::var("OUT_DIR")?).join("web");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("index.html"), MISSING)?;
        folder
    };
    println!("cargo:rustc-env=OMMA_WEB_DIST={}", folder.display());
    Ok(())
}
