//! How temporary files and folders are named.

use std::ffi::OsStr;
use uuid::Uuid;

/// What all names of one kind of temporary files or folders begin and end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What stands before the random letters and digits.
    pub prefix: &'static str,
    /// What stands behind them.
    pub suffix: &'static str,
}

impl Kind {
    /// How many letters and digits stand between the prefix and the suffix.
    pub(crate) const RANDOM: usize = 32;

    /// Names a kind by its prefix alone.
    #[must_use]
    pub const fn new(prefix: &'static str) -> Self {
        Self { prefix, suffix: "" }
    }

    /// Makes a name that nobody can guess.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}{}{}", self.prefix, Uuid::new_v4().simple(), self.suffix)
    }

    /// Tells whether a name is one of this kind.
    pub(crate) fn matches(self, name: &OsStr) -> bool {
        let rest = name.to_str().and_then(|name| name.strip_prefix(self.prefix));
        rest.and_then(|rest| rest.strip_suffix(self.suffix)).is_some_and(|random| {
            random.len() == Self::RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_its_own_making_are_of_a_kind() {
        let kind = Kind { prefix: ".mlctl-", suffix: ".tmp" };

        assert!(kind.matches(kind.name().as_ref()));
        assert_ne!(kind.name(), kind.name());
        for other in [".mlctl-.tmp", ".mlctl-abcdef.tmp", ".mlctl.db", "notes.tmp", ".mlctl-a"] {
            assert!(!kind.matches(other.as_ref()), "{other}");
        }
        assert!(!kind.matches(format!("{}~", kind.name()).as_ref()));
    }
}
