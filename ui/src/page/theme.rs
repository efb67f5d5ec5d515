//! The switch between light and dark.

use crate::asked::{Asked, THEME_COOKIE, Theme};
use crate::form::Form;
use crate::reply::{Reply, Result, see_other};
use crate::routes::form;
use crate::site::Site;
use axum::Router;
use axum::http::{HeaderValue, header};

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/theme", form(change))
}

fn change(site: &Site, _: &Asked, form: &Form) -> Result<Reply> {
    /// A year.
    const KEPT_SECONDS: u32 = 31_536_000;
    let theme = Theme::parse(form.first("theme").unwrap_or_default());
    let seconds = if theme == Theme::Auto { 0 } else { KEPT_SECONDS };
    let cookie = format!(
        "{THEME_COOKIE}={}; Path={}; Max-Age={seconds}; HttpOnly; SameSite=Lax",
        theme.as_str(),
        site.link("/")
    );
    let mut response = see_other(&form.back(site, "/"));
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response.into())
}
