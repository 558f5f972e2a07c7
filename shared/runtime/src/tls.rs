//! One TLS implementation for the whole process.

/// Makes aws-lc-rs the provider of everything that uses rustls in this process. Call it first in `main`: with two
/// providers compiled in by dependencies, rustls refuses to choose and panics. Calling it again changes nothing.
pub fn install_provider() {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed before");
    }
}
