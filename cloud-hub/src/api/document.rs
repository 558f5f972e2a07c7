//! The interface's description (OpenAPI 3.1), made from the routes themselves.
//!
//! What holds of every route is said here, and not at each of them: what a refusal looks like, and that everything but the
//! page's channel is refused to who shows no token, or too many wrong ones.

use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr};

use super::{ROOT, refusal, routes};
use crate::live;

const SCHEME: &str = "sign_in_token";
/// A 405 is of no operation: it says that there is none.
const DESCRIPTION: &str = "Cameras of many sites: live video, and events with their pictures.\n\n\
     A path answers 404 where it is not described here, and 405 to a method that it does not describe (HEAD goes with GET): \
     both with an `Error`, as every refusal. `Allow` names the methods.";

/// The description, of a hub that need not run.
pub fn document() -> OpenApi {
    let rest = routes().into_openapi();
    let mut all = head();
    for routes in [rest, live::document()] {
        all = all.nest(ROOT, routes);
    }
    all.paths.paths.values_mut().flat_map(operations).for_each(complete);
    all
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, .. } = path;
    [get, put, post, delete].into_iter().flatten()
}

fn complete(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    // Who says that it has its own way of signing in has no header to be refused for.
    if operation.security.is_none() {
        for status in ["401", "429", "503"] {
            responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(Response::default()));
        }
    }
    for (status, response) in responses {
        let RefOr::T(response) = response else { continue };
        // Required (OpenAPI 3.1 §4.8.17).
        if response.description.is_empty() {
            response.description = described(status).to_owned();
        }
        // Bytes as they are have no schema (§4.8.14.1).
        for (media_type, content) in &mut response.content {
            if let (true, RefOr::T(content)) = (media_type.starts_with("image/"), content) {
                content.schema = None;
            }
        }
        let refused = status.starts_with('4') || status.starts_with('5');
        if refused && response.content.is_empty() {
            let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(refusal::Body::name()))).build();
            response.content.insert("application/json".to_owned(), RefOr::T(body));
        }
    }
}

fn described(status: &str) -> &'static str {
    match status {
        "200" => "It is done, or here it is",
        "400" => "Something in the request can't be read: `message` says what",
        "401" => "No sign-in token, or a wrong one",
        "404" => "There is no such thing",
        "413" => "The body is too large",
        "429" => "Too many wrong tokens from this address: `Retry-After` says for how many seconds",
        "503" => "The hub can't answer now, such as for its disk, or did not within 10 s",
        _ => "See HTTP (RFC 9110 §15)",
    }
}

/// What stands before the routes.
pub(super) fn head() -> OpenApi {
    let info =
        InfoBuilder::new().title("Omma").version(env!("CARGO_PKG_VERSION")).description(Some(DESCRIPTION)).build();
    let mut components = Components::new();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(SCHEME, scheme);
    let token = SecurityRequirement::new(SCHEME, Vec::<String>::new());
    OpenApiBuilder::new().info(info).components(Some(components)).security(Some([token])).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_described_as_the_standard_demands() {
        let document = serde_json::to_value(document()).unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let open = operation["security"] == serde_json::json!([{}]);
                assert_eq!(open, path == "/api/v1/live", "{path} is the only one that needs no token in its head");
                let responses = operation["responses"].as_object().unwrap();
                for (status, response) in responses {
                    let what = format!("{method} {path} {status}: {response}");
                    assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
                    let error = &response["content"]["application/json"]["schema"]["$ref"];
                    assert!(!status.starts_with(['4', '5']) || error == "#/components/schemas/Error", "{what}");
                    assert!(response["content"]["image/jpeg"].get("schema").is_none(), "bytes have none: {what}");
                }
                assert!(open || ["401", "429", "503"].iter().all(|status| responses.contains_key(*status)), "{path}");
            }
        }
    }

    /// The page's types are made of the committed file.
    #[test]
    fn the_committed_description_is_what_the_hub_prints() {
        let committed = include_str!("../../../web/openapi.json");
        let printed = format!("{}\n", document().to_pretty_json().unwrap());
        assert!(
            committed == printed,
            "web/openapi.json is not of this hub: `cloud-hub openapi > web/openapi.json`, then `npm run api` in web"
        );
    }
}
