//! Writing ListOps data in the published format, from the published grammar (Nangia & Bowman 2018, as the Long Range
//! Arena uses it, Tay et al. 2021).

mod expression;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::expression::Expression;
use crate::made::{Made, Provenance, make_files};
use crate::{DataError, Result};

/// Raised whenever the same options give other files than before.
const VERSION: u32 = 1;

/// Expressions that are drawn in parallel before they are written.
const BLOCK: usize = 1024;

/// Draws without a new expression of the right length after which the grammar counts as exhausted. Of the published
/// grammar, one draw in 12 fits.
const MOST_DRAWS: usize = 1_000_000;

/// Which expressions are drawn: a node is a value 0..=9 or, with probability 1/4, one of the operators MIN, MAX, MED
/// and SM with at least two arguments, which are nodes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListOpsGrammar {
    /// Expressions are longer than this; length counts one for each value and two for each operator.
    pub min_length: usize,
    /// Expressions are shorter than this.
    pub max_length: usize,
    /// Operators are nested less deep than this: the root has depth 1, and nodes of this depth are values; at most 100.
    pub max_depth: usize,
    /// An operator has 2 to this many arguments, all numbers equally likely.
    pub max_args: u8,
}

impl Default for ListOpsGrammar {
    /// The published setting: lengths 501 to 1999, depth 10, 10 arguments.
    fn default() -> Self {
        Self {
            min_length: 500,
            max_length: 2000,
            max_depth: 10,
            max_args: 10,
        }
    }
}

/// What [`generate_listops`] is to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListOpsOptions {
    /// Folder for the files; made if missing.
    pub out: PathBuf,
    /// The same seed gives the same files.
    pub seed: u64,
    /// Expressions in `basic_train.tsv`.
    pub train: usize,
    /// Expressions in `basic_val.tsv`.
    pub valid: usize,
    /// Expressions in `basic_test.tsv`.
    pub test: usize,
    /// Which expressions.
    pub grammar: ListOpsGrammar,
}

impl ListOpsOptions {
    /// The published setting: 96 000, 2000 and 2000 expressions of the published grammar.
    pub fn new(out: impl Into<PathBuf>, seed: u64) -> Self {
        Self {
            out: out.into(),
            seed,
            train: 96_000,
            valid: 2000,
            test: 2000,
            grammar: ListOpsGrammar::default(),
        }
    }

    /// How the files are made.
    pub fn provenance(&self) -> Provenance {
        let ListOpsGrammar {
            min_length,
            max_length,
            max_depth,
            max_args,
        } = self.grammar;
        Provenance::new("elm data generate listops", VERSION, self.seed)
            .with("train", self.train)
            .with("valid", self.valid)
            .with("test", self.test)
            .with("min_length", min_length)
            .with("max_length", max_length)
            .with("max_depth", max_depth)
            .with("max_args", max_args)
    }
}

/// Told after every block of expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListOpsProgress {
    /// Expressions written so far.
    pub done: usize,
    /// Expressions in all three files.
    pub total: usize,
}

/// Result of [`generate_listops`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOpsSummary {
    /// The files written: train, valid, test.
    pub files: [PathBuf; 3],
    /// Their size in bytes, together.
    pub bytes: u64,
    /// Whether they were there already, made by the same options.
    pub kept: bool,
}

/// Writes `basic_train.tsv`, `basic_val.tsv` and `basic_test.tsv`: a header `Source<TAB>Target`, then an expression in
/// the published notation and its value per line. All expressions differ, across the files too.
///
/// The files depend on the options alone, not on the number of threads. They get their names when all three are whole,
/// with a note `generated.json` beside them on how they were made. Files that are there and were made by the same
/// options are kept; another process that makes them is waited for. What a killed process leaves the next one removes.
///
/// # Errors
/// If files are there that were made otherwise or have no note, if the grammar admits no expression, or not as many as asked for, or if a
/// file cannot be written, or if `progress` stopped it.
pub fn generate_listops(
    options: &ListOpsOptions,
    progress: &dyn Fn(ListOpsProgress) -> ControlFlow<()>,
) -> Result<ListOpsSummary> {
    check(&options.grammar)?;
    let names = ["basic_train.tsv", "basic_val.tsv", "basic_test.tsv"];
    let files = names.map(|name| options.out.join(name));
    let counts = [options.train, options.valid, options.test];
    let total = counts.iter().sum();
    let mut wait = || {
        let flow = progress(ListOpsProgress { done: 0, total });
        DataError::go_on(flow, 0, total, "expressions")
    };
    let made = make_files(
        &options.out,
        &names,
        &options.provenance(),
        &mut wait,
        |part| {
            let mut writer = Writer {
                options,
                progress,
                written: HashSet::new(),
                total,
            };
            for ((split, name), count) in (0..).zip(names).zip(counts) {
                writer.write(split, count, &part.join(name))?;
            }
            Ok(())
        },
    )?;
    let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |m| m.len());
    Ok(ListOpsSummary {
        bytes: files.iter().map(size).sum(),
        files,
        kept: matches!(made, Made::Before),
    })
}

/// Refuses a grammar without expressions, and one too deep to be drawn on a thread's stack.
fn check(grammar: &ListOpsGrammar) -> Result<()> {
    let ListOpsGrammar {
        min_length,
        max_length,
        max_depth,
        max_args,
    } = *grammar;
    if max_length < min_length.saturating_add(2) {
        return Err(DataError::request(format!(
            "no expression is longer than {min_length} and shorter than {max_length}"
        )));
    }
    if !(1..=100).contains(&max_depth) || max_args < 2 {
        return Err(DataError::request(format!(
            "expected a depth of 1 to 100 and at least 2 arguments, found depth {max_depth} and {max_args} arguments"
        )));
    }
    Ok(())
}

/// The random numbers of one expression, and the first expression of the right length that they gave.
struct Draft {
    rng: ChaCha8Rng,
    line: Vec<u8>,
}

impl Draft {
    fn new(seed: u64, split: u64, index: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream((split << 56) | index as u64);
        Self {
            rng,
            line: Vec::new(),
        }
    }

    /// Draws until an expression is of the grammar's length, and writes its line; false after `most` draws.
    fn draw(&mut self, grammar: &ListOpsGrammar, scratch: &mut Expression, most: usize) -> bool {
        self.line.clear();
        let found = (0..most).any(|_| scratch.draw(grammar, &mut self.rng));
        if found {
            scratch.write_line(&mut self.line);
        }
        found
    }
}

/// Writes the three files, one after the other.
struct Writer<'a> {
    options: &'a ListOpsOptions,
    progress: &'a dyn Fn(ListOpsProgress) -> ControlFlow<()>,
    /// Hashes of all lines so far. Two different lines with the same hash would cost a new draw, nothing else.
    written: HashSet<u64>,
    total: usize,
}

impl Writer<'_> {
    /// Writes one file of `count` expressions.
    fn write(&mut self, split: u64, count: usize, path: &Path) -> Result<()> {
        let cannot_write = |e| DataError::io(path, "write it", e);
        let mut file = std::fs::File::create(path).map_err(cannot_write)?;
        file.write_all(b"Source\tTarget\n").map_err(cannot_write)?;
        for start in (0..count).step_by(BLOCK) {
            let lines = self.block(split, start..count.min(start + BLOCK))?;
            file.write_all(&lines).map_err(cannot_write)?;
            let (done, total) = (self.written.len(), self.total);
            let flow = (self.progress)(ListOpsProgress { done, total });
            DataError::go_on(flow, done, total, "expressions")?;
        }
        Ok(())
    }

    /// The lines of some expressions. Expressions are drawn in parallel; whichever repeats an earlier one is drawn
    /// again, in order, so that threads make no difference.
    fn block(&mut self, split: u64, indices: std::ops::Range<usize>) -> Result<Vec<u8>> {
        let ListOpsOptions { seed, grammar, .. } = self.options;
        let drafts: Vec<Draft> = indices
            .into_par_iter()
            .map_init(Expression::default, |scratch, index| {
                let mut draft = Draft::new(*seed, split, index);
                let found = draft.draw(grammar, scratch, MOST_DRAWS);
                found.then_some(draft).ok_or(())
            })
            .collect::<std::result::Result<_, ()>>()
            .map_err(|()| self.exhausted())?;
        let mut scratch = Expression::default();
        let mut lines = Vec::with_capacity(drafts.iter().map(|d| d.line.len()).sum());
        for mut draft in drafts {
            let mut repeats = 0;
            while !self.written.insert(hash(&draft.line)) {
                repeats += 1;
                if repeats == MOST_DRAWS || !draft.draw(grammar, &mut scratch, MOST_DRAWS) {
                    return Err(self.exhausted());
                }
            }
            lines.extend_from_slice(&draft.line);
        }
        Ok(lines)
    }

    fn exhausted(&self) -> DataError {
        let ListOpsGrammar {
            min_length,
            max_length,
            ..
        } = self.options.grammar;
        DataError::request(format!(
            "found only {} of {} different expressions longer than {min_length} and shorter than {max_length}: ask \
             for fewer, or for other lengths",
            self.written.len(),
            self.total
        ))
    }
}

fn hash(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
