//! Cameras as they are, each named by its symptom: a simulated one with that quirk, and the edge's own source. Those of
//! this machine are played by a kernel, in the virtual machine of `.ci/v4l2-vm`.
//!
//! What can be mended plays: every unit is dated later than the one before and near its arrival, and decodes. What the
//! interpreter puts right does so in the next session, which begins at once, and is told. What can't be mended is told in the camera's state, in words that name the fault. What the rows of `docs/operate/cameras.md` promise is
//! checked here.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod film;

mod watched;

/// A test for each symptom: the camera has the quirks and plays all the same, in one session without a gap.
macro_rules! plays {
    ($($name:ident: $($quirk:ident)+;)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $crate::watched::plays(&[$(omma_testkit::simulator::quirk::Quirk::$quirk),+]).await;
        }
    )+ };
}

/// A test for each symptom: the camera has the quirk, and plays once the interpreter puts right this fault, which is told.
macro_rules! is_interpreted {
    ($($name:ident: $quirk:ident, $mend:ident;)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (quirk, mend) = (omma_testkit::simulator::quirk::Quirk::$quirk, edge_core::interpreter::Mend::$mend);
            $crate::watched::is_interpreted(quirk, mend).await;
        }
    )+ };
}

/// A test for each symptom: the camera has the quirk, which can't be mended, and its state says so in these words.
macro_rules! is_told {
    ($($name:ident: $quirk:ident, $words:literal;)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $crate::watched::is_told(omma_testkit::simulator::quirk::Quirk::$quirk, $words).await;
        }
    )+ };
}

mod dialogues;

mod describing;

mod signing_in;

mod sessions;

mod transport;

mod bitstream;

mod time;

mod silence;

mod table;

#[cfg(all(feature = "v4l2", target_os = "linux"))]
mod usb;
