//! Text made into counts of words or of runs of letters.
//!
//! Words, white space and lower case are those of Python's `re` and `str`, which differ a little
//! from Rust's: a combining mark is no part of a word there.

use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::{Column, Frame};
use super::skops::{Load, Object};
use ndarray::{Array2, ArrayView1, ArrayViewMut1};
use regex::Regex;
use std::collections::{HashMap, HashSet};

/// Loads a vectorizer, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "CountVectorizer" => Box::new(Vectorizer::read(object, None)?),
        "TfidfVectorizer" => {
            let weighing = Weighing::read(&object.object("_tfidf")?)?;
            Box::new(Vectorizer::read(object, Some(weighing))?)
        }
        "TfidfTransformer" => Box::new(Weighing::read(object)?),
        _ => return Ok(None),
    }))
}

/// What is counted.
#[derive(Debug)]
enum Analyzer {
    Words { words: Words, stops: HashSet<String> },
    Letters,
    LettersOfWords,
}

/// How words are found.
#[derive(Debug)]
enum Words {
    /// Runs of letters, digits and underscores, of at least so many.
    Runs { runs: Regex, least: usize },
    /// What a pattern matches that means the same in Python.
    Pattern(Regex),
}

#[derive(Debug)]
struct Vectorizer {
    analyzer: Analyzer,
    lowercase: bool,
    /// The least and the greatest number of words or letters that are counted together.
    sizes: (usize, usize),
    vocabulary: HashMap<String, usize>,
    is_binary: bool,
    weighing: Option<Weighing>,
}

impl Vectorizer {
    fn read(object: &Object<'_>, weighing: Option<Weighing>) -> Load<Self> {
        for name in ["preprocessor", "tokenizer", "strip_accents"] {
            if object.some(name).is_some() {
                return object.unsupported(name);
            }
        }
        object.require_text("input", &["content"])?;
        let sizes = object.get("ngram_range")?.indices()?;
        let [least, most] = sizes[..] else { return object.unsupported("ngram_range") };
        if least == 0 || most > 64 {
            return object.unsupported("ngram_range");
        }
        let analyzer = match object.get("analyzer")?.as_text().as_deref() {
            Some("word") => Analyzer::Words { words: words(object)?, stops: stops(object, most)? },
            Some("char") => Analyzer::Letters,
            Some("char_wb") => Analyzer::LettersOfWords,
            _ => return object.unsupported("analyzer"),
        };
        let entries = object.get("vocabulary_")?.dict()?;
        let vocabulary = entries.into_iter().map(|(word, at)| Ok((word.to_owned(), at.count()?)));
        let vocabulary: HashMap<_, _> = vocabulary.collect::<Load<_>>()?;
        if vocabulary.values().any(|at| *at >= vocabulary.len()) {
            return object.unsupported("vocabulary_");
        }
        if weighing.as_ref().is_some_and(|weighing| !weighing.fits(vocabulary.len())) {
            return object.unsupported("_tfidf");
        }
        Ok(Self {
            analyzer,
            lowercase: object.flag("lowercase")?,
            sizes: (least, most),
            vocabulary,
            is_binary: object.flag("binary")?,
            weighing,
        })
    }

    /// Calls something for each thing that a document has.
    fn each(&self, document: &str, count: impl FnMut(&str)) {
        let lower;
        let document = if self.lowercase {
            lower = document.to_lowercase();
            &lower
        } else {
            document
        };
        match &self.analyzer {
            Analyzer::Words { words, stops } => self.each_word(document, words, stops, count),
            Analyzer::Letters => self.each_run(&squeezed(document), count),
            Analyzer::LettersOfWords => self.each_run_of_words(document, count),
        }
    }

    fn each_word(
        &self,
        document: &str,
        words: &Words,
        stops: &HashSet<String>,
        mut count: impl FnMut(&str),
    ) {
        let found: Vec<&str> = match words {
            Words::Runs { runs, least } => runs
                .find_iter(document)
                .map(|found| found.as_str())
                .filter(|word| *least <= 1 || word.chars().nth(least - 1).is_some())
                .collect(),
            Words::Pattern(pattern) => {
                pattern.find_iter(document).map(|found| found.as_str()).collect()
            }
        };
        let kept: Vec<&str> = found.into_iter().filter(|word| !stops.contains(*word)).collect();
        for size in self.sizes.0..=self.sizes.1 {
            for run in kept.windows(size) {
                if let [word] = run { count(word) } else { count(&run.join(" ")) }
            }
        }
    }

    fn each_run(&self, letters: &str, mut count: impl FnMut(&str)) {
        let starts: Vec<usize> =
            letters.char_indices().map(|(at, _)| at).chain([letters.len()]).collect();
        for size in self.sizes.0..=self.sizes.1 {
            for pair in starts.windows(size + 1) {
                count(&letters[pair[0]..pair[size]]);
            }
        }
    }

    fn each_run_of_words(&self, document: &str, mut count: impl FnMut(&str)) {
        for word in document.split(is_space).filter(|word| !word.is_empty()) {
            let padded = format!(" {word} ");
            let starts: Vec<usize> =
                padded.char_indices().map(|(at, _)| at).chain([padded.len()]).collect();
            let length = starts.len() - 1;
            for size in self.sizes.0..=self.sizes.1 {
                if size >= length {
                    // A short word counts once.
                    count(&padded);
                    break;
                }
                for pair in starts.windows(size + 1) {
                    count(&padded[pair[0]..pair[size]]);
                }
            }
        }
    }

    fn count(&self, documents: &[Option<String>]) -> Answer<Array2<f64>> {
        let mut counts = Array2::zeros((documents.len(), self.vocabulary.len()));
        for (document, mut row) in documents.iter().zip(counts.rows_mut()) {
            let Some(document) = document else { return fail("a document is missing") };
            self.each(document, |word| {
                if let Some(at) = self.vocabulary.get(word) {
                    row[*at] += 1.0;
                }
            });
            if self.is_binary {
                row.mapv_inplace(|count| f64::from(u8::from(count > 0.0)));
            }
        }
        Ok(counts)
    }
}

/// Tells white space as Python's `re` and `str.split` do.
fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// Makes one space of several kinds of them in a row.
fn squeezed(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if !is_space(letter) || !letters.peek().is_some_and(|next| is_space(*next)) {
            squeezed.push(letter);
            continue;
        }
        while letters.next_if(|next| is_space(*next)).is_some() {}
        squeezed.push(' ');
    }
    squeezed
}

/// Reads how words are found: by the usual pattern, or by one that means the same here.
fn words(object: &Object<'_>) -> Load<Words> {
    let Some(pattern) = object.get("token_pattern")?.as_text() else {
        return object.unsupported("token_pattern");
    };
    let bare = pattern.strip_prefix("(?u)").unwrap_or(&pattern);
    let least = match bare {
        r"\b\w\w+\b" | r"\b\w{2,}\b" | r"\w\w+" | r"\w{2,}" => Some(2),
        r"\b\w+\b" | r"\w+" => Some(1),
        r"\b\w\w\w+\b" | r"\b\w{3,}\b" => Some(3),
        _ => None,
    };
    if let Some(least) = least {
        return match Regex::new(r"[\p{L}\p{N}_]+") {
            Ok(runs) => Ok(Words::Runs { runs, least }),
            Err(_) => object.unsupported("token_pattern"),
        };
    }
    // Escapes, groups and nested classes may mean something else.
    let is_plain = !bare.contains(['\\', '(', '&', '~'])
        && !bare.contains("--")
        && !bare.trim_start_matches('[').contains('[');
    match Regex::new(bare) {
        Ok(found) if is_plain => Ok(Words::Pattern(found)),
        _ => object.unsupported("token_pattern"),
    }
}

/// Reads the words that are left out.
fn stops(object: &Object<'_>, most: usize) -> Load<HashSet<String>> {
    let Some(item) = object.some("stop_words") else { return Ok(HashSet::new()) };
    if item.is_list() {
        return Ok(item.texts()?.into_iter().collect());
    }
    // A fitted vocabulary of single words has none of them, so they need not be known.
    let is_fitted = object.some("vocabulary").is_none();
    if item.as_text().as_deref() == Some("english") && most == 1 && is_fitted {
        return Ok(HashSet::new());
    }
    object.unsupported("stop_words")
}

impl Estimator for Vectorizer {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        if frame.width() != 1 {
            return fail(format!("text is expected in one column, there are {}", frame.width()));
        }
        let Column::Text(documents) = frame.column(0) else {
            return fail("numbers are given where text is expected");
        };
        let mut counts = self.count(&documents)?;
        if let Some(weighing) = &self.weighing {
            weighing.apply(&mut counts);
        }
        Ok(Frame::Numbers(counts))
    }

    fn numbers_per_row(&self) -> usize {
        self.vocabulary.len()
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.vocabulary.len())
    }
}

#[derive(Clone, Copy, Debug)]
enum Norm {
    None,
    L1,
    L2,
}

/// Weighs counts by how rare their words are.
#[derive(Debug)]
struct Weighing {
    rarities: Option<Vec<f64>>,
    is_sublinear: bool,
    norm: Norm,
}

impl Weighing {
    fn read(object: &Object<'_>) -> Load<Self> {
        let norm = match object.some("norm") {
            None => Norm::None,
            Some(item) => match item.as_text().as_deref() {
                Some("l1") => Norm::L1,
                Some("l2") => Norm::L2,
                _ => return object.unsupported("norm"),
            },
        };
        let rarities = object.flag("use_idf")?.then(|| object.vector("idf_")).transpose()?;
        Ok(Self { rarities, is_sublinear: object.flag("sublinear_tf")?, norm })
    }

    fn fits(&self, width: usize) -> bool {
        self.rarities.as_ref().is_none_or(|rarities| rarities.len() == width)
    }

    fn apply(&self, counts: &mut Array2<f64>) {
        if self.is_sublinear {
            counts.mapv_inplace(|count| if count > 0.0 { 1.0 + count.ln() } else { count });
        }
        if let Some(rarities) = &self.rarities {
            *counts *= &ArrayView1::from(rarities);
        }
        for row in counts.rows_mut() {
            normalize(row, self.norm);
        }
    }
}

fn normalize(mut row: ArrayViewMut1<'_, f64>, norm: Norm) {
    let size = match norm {
        Norm::None => return,
        Norm::L1 => row.iter().map(|value| value.abs()).sum::<f64>(),
        Norm::L2 => row.iter().map(|value| value * value).sum::<f64>().sqrt(),
    };
    if size > 0.0 {
        row /= size;
    }
}

impl Estimator for Weighing {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut counts = frame.into_numbers()?;
        if !self.fits(counts.ncols()) {
            return fail("there are other words than the model was fitted with");
        }
        self.apply(&mut counts);
        Ok(Frame::Numbers(counts))
    }
}
