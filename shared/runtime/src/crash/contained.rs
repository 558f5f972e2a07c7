//! Panics that are expected of what is not ours, and are no crash.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::pin;
use std::sync::Once;
use std::task::Poll;

thread_local! {
    /// Whether whoever called is prepared for a panic.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
    /// Where the last of those was.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Does what may panic through no fault of this program's, such as a library that ends on a disk which fails. A panic of the
/// calling thread then leaves no report and nothing in the log: what was said, and where, is given to the caller to handle.
///
/// # Errors
/// When it panicked.
pub fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HUSHED: Once = Once::new();
    HUSHED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !is_contained(panic) {
                before(panic);
            }
        }));
    });
    let before = CONTAINED.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(before);
    done.map_err(|payload| {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or(payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        PLACE.take().map_or_else(|| said.to_owned(), |place| format!("{place}: {said}"))
    })
}

/// Notes the place of a panic that is.
pub(super) fn is_contained(panic: &PanicHookInfo<'_>) -> bool {
    let contained = CONTAINED.get();
    if contained {
        PLACE.set(panic.location().map(|place| within_crate(&place.to_string())));
    }
    contained
}

/// `crate-1.2.3/src/file.rs:7:1`, without the folder of this machine that it was built in.
pub(super) fn within_crate(place: &str) -> String {
    let source = place.rfind("/src/").map_or(0, |at| place[..at].rfind('/').map_or(0, |before| before + 1));
    place[source..].to_owned()
}

/// The same of a future, of which nothing is done any more once it has panicked.
///
/// # Errors
/// When it panicked.
pub async fn contained_future<F: Future>(work: F) -> Result<F::Output, String> {
    let mut work = pin!(work);
    poll_fn(|context| match contained(|| work.as_mut().poll(context)) {
        Ok(done) => done.map(Ok),
        Err(said) => Poll::Ready(Err(said)),
    })
    .await
}
