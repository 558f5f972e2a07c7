//! The interface's description (OpenAPI 3.1), made from the routes themselves.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};

use super::{ROOT, routes};
use crate::live;

const SCHEME: &str = "sign_in_token";

/// The description, of a hub that need not run.
pub fn document() -> OpenApi {
    let rest = routes().into_openapi();
    let mut all = head();
    for routes in [rest, live::document()] {
        all = all.nest(ROOT, routes);
    }
    all
}

/// What stands before the routes.
pub(super) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Omma")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Cameras of many sites: live video, and events with their pictures."))
        .build();
    let mut components = Components::new();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(SCHEME, scheme);
    let token = SecurityRequirement::new(SCHEME, Vec::<String>::new());
    OpenApiBuilder::new().info(info).components(Some(components)).security(Some([token])).build()
}

#[cfg(test)]
mod tests {
    use super::*;

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
