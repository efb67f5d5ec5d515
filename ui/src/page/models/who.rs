//! Who changes the registry, and why.

use crate::form::Form;
use crate::site::Site;
use maud::{Markup, html};
use mlctl_registry::Stamp;

/// Whoever gives no name.
const UNKNOWN: &str = "anonymous";

/// How long a name or a reason may be: as over REST.
const CHARS_MAX: usize = 1_000;

/// Returns who sends a form, when and why. Nobody signs in, so a name counts only on a server that
/// was told to trust names.
pub(in crate::page) fn stamp(site: &Site, form: &Form) -> Stamp {
    let text = |name: &str| {
        let value = form.first(name).map(str::trim).filter(|value| !value.is_empty());
        value.map(|value| value.chars().take(CHARS_MAX).collect::<String>())
    };
    let who = text("who").filter(|_| site.trusts_names);
    let stamp = Stamp::new(who.unwrap_or_else(|| UNKNOWN.to_owned()), site.clock.now());
    match text("why") {
        Some(why) => stamp.because(why),
        None => stamp,
    }
}

/// The fields for a name, where it counts, and a reason.
pub(in crate::page) fn reason_fields(site: &Site) -> Markup {
    html! {
        @if site.trusts_names { label { "Your name" input name="who" autocomplete="username" required; } }
        label { "Reason" input name="why" placeholder="Why, for the history"; }
    }
}
