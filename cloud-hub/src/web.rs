//! The page, inside of the program.
//!
//! The build takes it from `web/dist`; where that has not been built, a page that says so takes its place.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Files;

const INDEX: &str = "index.html";

/// In place of a page that was not built.
const MISSING: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Omma</title>
<h1>This hub was built without its page</h1>
<p>Build it with <code>npm ci</code> and <code>npm run build</code> in <code>web</code>, then build the hub again. The interface
works: see <a href=\"/api/openapi.json\">its description</a>.</p>
</html>
";

const NOWHERE: &str = "There is nothing here. The page is at / and the interface is described at /api/openapi.json.\n";

/// Serves the page, which keeps where it is behind the `#`, or one of its files. Any other path is not there: a probe of
/// `/healthz/` must not take the page for an answer.
pub async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = match uri.path().trim_start_matches('/') {
        "" => INDEX,
        path => path,
    };
    match Files::get(path) {
        Some(file) => serve(path, file, &headers),
        None if path == INDEX => ([(header::CACHE_CONTROL, caching(INDEX))], Html(MISSING)).into_response(),
        None => (StatusCode::NOT_FOUND, NOWHERE).into_response(),
    }
}

fn serve(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    answer(path, file.metadata.sha256_hash(), file.metadata.mimetype(), file.data, headers)
}

fn answer(path: &str, hash: [u8; 32], kind: &str, data: Cow<'static, [u8]>, headers: &HeaderMap) -> Response {
    let tag: String = hash[..16].iter().map(|b| format!("{b:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let caching = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, caching(path))];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, kind)], Body::from(data)).into_response()
}

/// Files under `assets/` carry a hash of their content in their name, and so never change.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str, headers: &HeaderMap) -> Response {
        page(Method::GET, path.parse().unwrap(), headers.clone()).await
    }

    #[tokio::test]
    async fn the_page_is_at_its_address_and_nowhere_else() {
        let none = HeaderMap::new();
        for path in ["/", "/index.html"] {
            let answer = get(path, &none).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap();
            assert!(kind.starts_with("text/html"), "{path}: {kind}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache");
        }
        for path in ["/assets/no.js", "/../Cargo.toml", "/favicon-of-nobody.ico", "/healthz/", "/events"] {
            assert_eq!(get(path, &none).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let ask = |headers| answer(INDEX, [7; 32], "text/html", b"page".into(), &headers);
        let first = ask(HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(ask(headers).status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        assert!(caching("assets/index-abc.js").contains("immutable"));
        assert_eq!(caching("index.html"), "no-cache");
    }
}
