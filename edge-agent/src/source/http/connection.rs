//! HTTP/1.1 with devices that take liberties with it.

use std::error::Error;

use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;

/// A connection that ends when it is dropped.
pub(crate) struct Connection<B> {
    /// Asks on it, one after the other.
    pub(crate) sender: SendRequest<B>,
    _driver: AbortOnDropHandle<()>,
}

impl<B> Connection<B>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    /// On a stream that is connected. What devices get wrong in their headers is passed over.
    ///
    /// # Errors
    /// As [`http1::Builder::handshake`].
    pub(crate) async fn on<T>(stream: T) -> hyper::Result<Self>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            // Not every device knows that `authorization` is `Authorization`.
            .title_case_headers(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .handshake(TokioIo::new(stream))
            .await?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer or a body is told too.
            if let Err(e) = connection.await {
                tracing::trace!(error = %e, "connection to a device");
            }
        });
        Ok(Self { sender, _driver: AbortOnDropHandle::new(driver) })
    }
}
