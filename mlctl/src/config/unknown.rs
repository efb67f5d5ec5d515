//! Variables that look as if they were ours and are not.

use super::{environment, flags, known};
use crate::cli::Cli;
use clap::CommandFactory;

/// How the names of our own variables begin.
const OURS: &str = "MLCTL_";

/// Warns of each variable with a name of ours that nothing reads.
pub(crate) fn warn_of_unknown() {
    let ours = environment::all_text().map(|(name, _)| name).filter(|name| name.starts_with(OURS));
    let mut ours: Vec<String> = ours.collect();
    if ours.is_empty() {
        return;
    }
    ours.sort_unstable();
    let known = own_variables();
    for name in ours.iter().filter(|name| !known.contains(name)) {
        match nearest(name, &known) {
            Some(near) => tracing::warn!("unknown variable `{name}`; did you mean `{near}`?"),
            None => tracing::warn!(
                "unknown variable `{name}`; `mlctl config show --json` lists those that are read"
            ),
        }
    }
}

/// Lists our own variables.
fn own_variables() -> Vec<String> {
    let settings = known::ALL.iter().flat_map(|setting| setting.variables);
    let flags = flags::find(&Cli::command()).into_iter().map(|flag| flag.variable);
    let all = settings.map(|&name| name.to_owned()).chain(flags);
    all.filter(|name| name.starts_with(OURS)).collect()
}

/// Finds the name that is most like `name`, if any is like it.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    /// Names less alike than this are no suggestion.
    const ALIKE_MIN: f64 = 0.75;
    let alike = |other: &str| {
        strsim::jaro_winkler(name.trim_start_matches(OURS), other.trim_start_matches(OURS))
    };
    let best = known.iter().map(|other| (alike(other), other.as_str()));
    let best = best.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(alike, _)| *alike >= ALIKE_MIN).map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, want: Option<&str>) {
        assert_eq!(nearest(name, &own_variables()), want, "for {name}");
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        check("MLCTL_CACHE", Some("MLCTL_CACHE_DIR"));
        check("MLCTL_CACHEDIR", Some("MLCTL_CACHE_DIR"));
        check("MLCTL_REGISTRY_USER", Some("MLCTL_REGISTRY_USERNAME"));
        check("MLCTL_XYZ", None);
    }
}
