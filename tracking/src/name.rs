//! Made-up names for runs and models that were given none, such as `quiet-otter-417`.

use rand::RngExt;
use rand::seq::IndexedRandom;

const ADJECTIVES: [&str; 64] = [
    "able", "amber", "ample", "bold", "brave", "brief", "bright", "brisk", "calm", "candid",
    "clear", "clever", "cool", "cosy", "crisp", "curious", "deep", "eager", "early", "even",
    "fair", "fast", "fine", "fond", "frank", "fresh", "gentle", "glad", "golden", "grand", "green",
    "happy", "hardy", "honest", "keen", "kind", "large", "lively", "loyal", "lucky", "mellow",
    "merry", "mild", "neat", "nimble", "noble", "patient", "plain", "proud", "quick", "quiet",
    "rapid", "ready", "rosy", "sharp", "silent", "smart", "steady", "sunny", "swift", "tidy",
    "warm", "wise", "young",
];
const NOUNS: [&str; 64] = [
    "badger", "bear", "beaver", "bee", "bison", "boar", "buck", "cat", "cod", "colt", "crane",
    "crow", "deer", "dove", "eagle", "eel", "egret", "elk", "falcon", "fawn", "finch", "fox",
    "frog", "gecko", "goose", "grouse", "gull", "hare", "hawk", "heron", "horse", "ibex", "jay",
    "kestrel", "kite", "lark", "lemur", "lion", "lynx", "magpie", "marten", "mole", "moose",
    "moth", "newt", "otter", "owl", "panda", "perch", "pike", "puma", "quail", "raven", "robin",
    "salmon", "seal", "shrew", "snail", "stork", "swan", "tern", "trout", "wolf", "wren",
];

/// Makes up a name of at most 20 characters.
pub fn make_up() -> String {
    let mut random = rand::rng();
    let adjective = ADJECTIVES.choose(&mut random).unwrap_or(&ADJECTIVES[0]);
    let noun = NOUNS.choose(&mut random).unwrap_or(&NOUNS[0]);
    format!("{adjective}-{noun}-{}", random.random_range(0..1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_words_and_a_number() {
        let longest = |words: &[&str]| words.iter().map(|word| word.len()).max().unwrap();
        assert!(longest(&ADJECTIVES) + longest(&NOUNS) + "--999".len() <= 20);
        assert_eq!(make_up().split('-').count(), 3);
    }
}
