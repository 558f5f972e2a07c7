//! Lets requests through that show the sign-in token: `Authorization: Bearer …` (RFC 6750 §2.1).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Api;
use super::refusal::Refusal;

pub(super) async fn sign_in(State(api): State<Api>, request: Request, next: Next) -> Result<Response, Refusal> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    // Where the server does not say who asks, all share one allowance.
    let address = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let Some(token) = bearer(request.headers()) else {
        return Err(Refusal::unauthorized("show the sign-in token: `Authorization: Bearer …`"));
    };
    if let Some(wait) = api.attempts.wait(address) {
        return Err(Refusal::too_many_attempts(wait.as_secs() + 1));
    }
    if !api.access.check(token) {
        api.attempts.failed(address, "http");
        return Err(Refusal::unauthorized("the sign-in token is wrong: `cloud-hub token` prints it"));
    }
    Ok(next.run(request).await)
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
