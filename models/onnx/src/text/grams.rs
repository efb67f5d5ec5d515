//! `TfIdfVectorizer`: how often words, or runs of words, of a pool occur.

use crate::array::{Array, Data, Shape, volume};
use crate::kernel::{Kernel, one};
use crate::node::Node;
use std::collections::HashMap;

/// A word by its place in the vocabulary.
type Word = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weighting {
    Tf,
    Idf,
    TfIdf,
}

#[derive(Debug)]
struct Vectorizer {
    weighting: Weighting,
    lengths: (usize, usize),
    skips: usize,
    texts: HashMap<String, Word>,
    ints: HashMap<i64, Word>,
    /// The column of each run of words of the pool.
    grams: HashMap<Box<[Word]>, usize>,
    width: usize,
    /// One for each column, or none at all.
    weights: Vec<f32>,
}

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let vectorizer = Vectorizer::read(node)?;
    one(move |inputs| vectorizer.run(inputs.get(0)?))
}

impl Vectorizer {
    fn read(node: &mut Node<'_>) -> Result<Self, String> {
        let weighting = match node.text("mode")?.as_deref() {
            Some("TF") => Weighting::Tf,
            Some("IDF") => Weighting::Idf,
            Some("TFIDF") => Weighting::TfIdf,
            other => return Err(format!("its mode {other:?} is not supported")),
        };
        let mut length = |name: &str| -> Result<usize, String> {
            let value = node.int(name)?.and_then(|value| usize::try_from(value).ok());
            value.ok_or_else(|| format!("it has no {name}"))
        };
        let lengths = (length("min_gram_length")?, length("max_gram_length")?);
        let skips = length("max_skip_count")?;
        let starts = node.ints("ngram_counts")?.unwrap_or_default();
        let columns = node.ints("ngram_indexes")?.unwrap_or_default();
        if lengths.0 == 0 || lengths.0 > lengths.1 || lengths.1 > starts.len() {
            return Err("the lengths of its runs of words do not fit its pool".to_owned());
        }
        let columns: Option<Vec<usize>> =
            columns.iter().map(|column| usize::try_from(*column).ok()).collect();
        let columns =
            columns.filter(|list| !list.is_empty()).ok_or("its columns are not valid positions")?;
        let width = columns.iter().max().map_or(0, |last| last.saturating_add(1));
        volume(&[width])?;
        let weights = node.floats("weights")?.unwrap_or_default().to_vec();
        if !weights.is_empty() && weights.len() != columns.len() {
            return Err(format!("{} weights do not fit {} columns", weights.len(), columns.len()));
        }
        let mut by_column = vec![1.0; if weights.is_empty() { 0 } else { width }];
        columns.iter().zip(&weights).for_each(|(column, weight)| by_column[*column] = *weight);
        let mut texts: HashMap<String, Word> = HashMap::new();
        let mut ints = HashMap::new();
        let pool: Vec<Word> = if let Some(pool) = node.texts("pool_strings")? {
            let mut number = |word: String| {
                let next = texts.len() as Word;
                *texts.entry(word).or_insert(next)
            };
            pool.into_iter().map(&mut number).collect()
        } else {
            let mut number = |word: &i64| {
                let next = ints.len() as Word;
                *ints.entry(*word).or_insert(next)
            };
            node.ints("pool_int64s")?.unwrap_or_default().iter().map(&mut number).collect()
        };
        let grams = collect(&pool, starts, lengths, &columns)?;
        Ok(Self { weighting, lengths, skips, texts, ints, grams, width, weights: by_column })
    }

    fn run(&self, array: &Array) -> Result<Array, String> {
        let words: Vec<Option<Word>> = match &array.data {
            Data::Str(list) => list.iter().map(|word| self.texts.get(word).copied()).collect(),
            Data::I64(list) => list.iter().map(|word| self.ints.get(word).copied()).collect(),
            Data::I32(list) => {
                list.iter().map(|word| self.ints.get(&i64::from(*word)).copied()).collect()
            }
            other => return Err(format!("values of type {} are not words", other.kind())),
        };
        let (rows, count, shape) = match *array.shape {
            [] => (1, 1, Shape::from_slice(&[self.width])),
            [count] => (1, count, Shape::from_slice(&[self.width])),
            [rows, count] => (rows, count, Shape::from_slice(&[rows, self.width])),
            _ => return Err(format!("it takes rows of words, not {:?}", array.shape)),
        };
        let mut list = vec![0.0_f32; volume(&shape)?];
        if self.width > 0 && count > 0 {
            let rows = (0..rows).map(|row| &words[row * count..(row + 1) * count]);
            for (words, counts) in rows.zip(list.chunks_exact_mut(self.width)) {
                self.count(words, counts);
                self.weigh(counts);
            }
        }
        Ok(Array::new(shape, list))
    }

    fn count(&self, words: &[Option<Word>], counts: &mut [f32]) {
        let mut gram = Vec::with_capacity(self.lengths.1);
        for length in self.lengths.0..=self.lengths.1 {
            // Single words have nothing between them.
            let skips = if length == 1 { 0 } else { self.skips };
            for apart in 0..=skips {
                let apart = apart.saturating_add(1);
                let reach = (length - 1).saturating_mul(apart);
                // Farther apart there are no words left, however many may be skipped.
                if reach >= words.len() {
                    break;
                }
                for start in 0..words.len().saturating_sub(reach) {
                    gram.clear();
                    gram.extend((0..length).map_while(|at| words[start + at * apart]));
                    if gram.len() == length
                        && let Some(column) = self.grams.get(&gram[..])
                    {
                        counts[*column] += 1.0;
                    }
                }
            }
        }
    }

    fn weigh(&self, counts: &mut [f32]) {
        for (at, count) in counts.iter_mut().enumerate() {
            let weight = self.weights.get(at).copied();
            *count = match self.weighting {
                Weighting::Tf => *count,
                Weighting::Idf if *count > 0.0 => weight.unwrap_or(1.0),
                Weighting::Idf => 0.0,
                Weighting::TfIdf => *count * weight.unwrap_or(1.0),
            };
        }
    }
}

/// Cuts the pool into runs: first those of one word, then those of two, and so on.
fn collect(
    pool: &[Word],
    starts: &[i64],
    lengths: (usize, usize),
    columns: &[usize],
) -> Result<HashMap<Box<[Word]>, usize>, String> {
    let mut grams = HashMap::new();
    let mut number = 0;
    for (at, start) in starts.iter().enumerate() {
        let length = at + 1;
        let start = usize::try_from(*start).unwrap_or(usize::MAX);
        let end = starts.get(at + 1).map_or(Some(pool.len()), |end| usize::try_from(*end).ok());
        let part = end.and_then(|end| pool.get(start..end));
        let part = part.filter(|part| part.len().is_multiple_of(length));
        let part = part.ok_or_else(|| format!("its pool does not hold runs of {length} words"))?;
        for gram in part.chunks_exact(length) {
            let column = columns.get(number).ok_or("its pool is larger than its columns")?;
            number += 1;
            if (lengths.0..=lengths.1).contains(&length) {
                grams.insert(gram.into(), *column);
            }
        }
    }
    Ok(grams)
}
