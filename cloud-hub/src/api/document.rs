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
