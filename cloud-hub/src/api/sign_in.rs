//! Lets requests through that show the sign-in token: `Authorization: Bearer …` (RFC 6750 §2.1). Their connections do not count
//! among the strangers of their address any more.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use omma_runtime::seats::Seat;

use super::Api;
use super::refusal::Refusal;
use crate::access::attempts::address_of;

pub(super) async fn sign_in(State(api): State<Api>, request: Request, next: Next) -> Result<Response, Refusal> {
    let Some(token) = bearer(request.headers()) else {
        return Err(Refusal::unauthorized("show the sign-in token: `Authorization: Bearer …`"));
    };
    if api.access.check(token) {
        if let Some(seat) = request.extensions().get::<Arc<Seat>>() {
            seat.shown();
        }
        return Ok(next.run(request).await);
    }
    match api.attempts.wrong(address_of(request.extensions()), "http") {
        Some(wait) => Err(Refusal::too_many_attempts(wait.as_secs() + 1)),
        None => Err(Refusal::unauthorized("the sign-in token is wrong: `cloud-hub token` prints it")),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(of("Basic abc"), None);
        assert_eq!(of("abc"), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
