//! When two names are one: text that Unicode can spell in several ways is compared in its composed
//! form (NFC, Unicode Standard Annex 15), and names that only look alike are noticed.

use icu_normalizer::ComposingNormalizerBorrowed;

/// What a new name has to do with one that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resemblance {
    /// They are different names.
    None,
    /// They differ, but only in case, width or blanks, which people overlook.
    Alike,
    /// They are one name, perhaps spelled with other code points.
    Same,
}

/// A new name, prepared for a comparison with many others.
///
/// ```
/// use mlctl_wire::name::{NewName, Resemblance};
///
/// let name = NewName::of("Caf\u{e9}");
///
/// assert_eq!(name.compare("Cafe\u{301}"), Resemblance::Same);
/// assert_eq!(name.compare("caf\u{e9} "), Resemblance::Alike);
/// assert_eq!(name.compare("Cafe"), Resemblance::None);
/// ```
#[derive(Clone, Debug)]
pub struct NewName {
    composed: String,
    look: String,
}

impl NewName {
    /// Prepares a name.
    pub fn of(name: &str) -> Self {
        Self { composed: composed(name), look: look(name) }
    }

    /// Compares it with a name that exists.
    pub fn compare(&self, existing: &str) -> Resemblance {
        if self.composed == composed(existing) {
            return Resemblance::Same;
        }
        match self.look == look(existing) {
            true => Resemblance::Alike,
            false => Resemblance::None,
        }
    }
}

fn composed(name: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(name).into_owned()
}

/// Brings what looks alike together: compatible forms, case, and blanks.
fn look(name: &str) -> String {
    let plain = ComposingNormalizerBorrowed::new_nfkc().normalize(name).to_lowercase();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(new: &str, existing: &str, want: Resemblance) {
        assert_eq!(NewName::of(new).compare(existing), want, "{new:?} and {existing:?}");
    }

    #[test]
    fn one_name_in_two_spellings_is_one() {
        check("churn", "churn", Resemblance::Same);
        check("\u{fc}ber", "u\u{308}ber", Resemblance::Same);
        check("\u{d55c}", "\u{1112}\u{1161}\u{11ab}", Resemblance::Same);
    }

    #[test]
    fn names_that_differ_by_look_only_are_alike() {
        check("Churn", "churn", Resemblance::Alike);
        check("churn", "\u{ff43}hurn", Resemblance::Alike);
        check("my model", "my\u{a0} model ", Resemblance::Alike);
    }

    #[test]
    fn other_names_are_others() {
        check("churn", "churn2", Resemblance::None);
        check("a b", "ab", Resemblance::None);
        check("uber", "\u{fc}ber", Resemblance::None);
    }
}
