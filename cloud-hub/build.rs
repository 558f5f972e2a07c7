//! Looks for the page that goes into the program: `web/dist`, which `npm run build` in `web` makes.
//!
//! The hub is of use without its page, to those who work on it and to programs, so that a missing one does not fail
//! the build: it warns, and the hub serves a page that says so (`src/web.rs`). `OMMA_REQUIRE_WEB=1`, which packaging
//! sets, makes it an error.

use std::env;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A page that was built anew goes into the program anew.
    println!("cargo:rerun-if-changed=../web/dist");
    println!("cargo:rerun-if-env-changed=OMMA_REQUIRE_WEB");
    if Path::new("../web/dist/index.html").is_file() {
        return Ok(());
    }
    if env::var_os("OMMA_REQUIRE_WEB").is_some_and(|v| v == "1") {
        return Err("web/dist/index.html is missing: build the page first (`npm ci && npm run build` in web)".into());
    }
    println!("cargo:warning=web/dist is missing: the hub has no page (`npm ci && npm run build` in web makes it)");
    Ok(())
}
