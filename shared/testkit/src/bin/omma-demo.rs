//! `make demo`: a camera, an edge and a hub on this machine, one address to open.
//!
//! 1. The settings are read from the environment and every port is tried, so that a taken one is named before
//!    anything starts.
//! 2. The camera simulator starts (unless `CAMERA` names a real camera), then the hub, which makes a join token for
//!    the edge, then the edge.
//! 3. When the camera is live, the address and the sign-in token are printed.
//! 4. Ctrl-C, `DEMO_SECONDS`, or the end of one of the programs ends all of them.

use std::process::ExitCode;

use omma_testkit::demo;

#[tokio::main]
async fn main() -> ExitCode {
    match demo::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("omma-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
