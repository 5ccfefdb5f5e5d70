//! A sweep file: what varies, and what it is judged by.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::halving::check_metric;
use super::sections::{
    Assignment, Axis, Random, assignments, expected, grid, list, random, section, whole,
};
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;

/// Sweeps that are built in: their names, and their files.
pub const BUILT_IN: [(&str, &str); 1] = [("scaling", include_str!("scaling.toml"))];

/// The text of a sweep file, or of a sweep that is built in where there is no such file.
///
/// # Errors
/// [`TrainError::File`] if it cannot be read.
pub fn text_of(path: &Path) -> Result<String> {
    let built_in = BUILT_IN.iter().find(|(name, _)| Path::new(name) == path);
    if let (Some((_, text)), false) = (built_in, path.exists()) {
        return Ok(text.to_string());
    }
    let names = BUILT_IN.map(|(name, _)| name).join(", ");
    std::fs::read_to_string(path).map_err(|e| {
        let problem = format!("cannot read the sweep: {e} (built in: {names})");
        TrainError::file(path, problem)
    })
}

/// Which end of a metric is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Less is better.
    Min,
    /// More is better.
    Max,
}

impl Goal {
    /// A number that is less for better values; infinity for none.
    pub(super) fn key(self, value: Option<f64>) -> f64 {
        match (self, value) {
            (_, None) => f64::INFINITY,
            (Self::Min, Some(value)) => value,
            (Self::Max, Some(value)) => -value,
        }
    }
}

/// What members are ranked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// A column of `metrics.csv` at the best epoch, or `test.` and the name of a test metric.
    pub name: String,
    /// Which end is the better one.
    pub goal: Goal,
}

impl Metric {
    /// A metric with its goal; where that is not said it follows from the name.
    ///
    /// # Errors
    /// A sentence if the name does not tell the goal, or the goal is none.
    pub fn new(name: &str, goal: Option<&str>) -> std::result::Result<Self, String> {
        let lower = name.to_lowercase();
        let named = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let goal = match goal {
            Some("min") => Goal::Min,
            Some("max") => Goal::Max,
            Some(other) => {
                return Err(format!(
                    "`goal` must be \"min\" or \"max\", found \"{other}\""
                ));
            }
            None if named(&["accuracy", "auc"]) => Goal::Max,
            None if named(&["loss", "error", "rmse", "bits"]) => Goal::Min,
            None => {
                return Err(format!(
                    "`goal` must say whether the metric {name} is to be least or greatest: \"min\" or \"max\""
                ));
            }
        };
        Ok(Self {
            name: name.into(),
            goal,
        })
    }
}

/// What a sweep file says.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepFile {
    /// Base recipe: a name, or a file.
    pub base: String,
    /// Seeds of each setting; the base recipe's where none are given.
    pub seeds: Vec<u64>,
    /// What members are ranked by.
    pub metric: Metric,
    /// Successive halving: one setting in so many goes on after each rung of epochs; none where all are trained to their end.
    pub halving: Option<usize>,
    /// The key that the report fits power laws of the metric in; none for no fit.
    pub power_law: Option<String>,
    /// Keys of all members.
    pub set: Vec<Assignment>,
    /// Rows of keys that belong together.
    pub list: Vec<Vec<Assignment>>,
    /// Keys whose values are all combined.
    pub grid: Vec<Axis>,
    /// Keys that are drawn.
    pub random: Random,
}

const TOP: [&str; 10] = [
    "base",
    "seeds",
    "metric",
    "goal",
    "halving",
    "power_law",
    "set",
    "list",
    "grid",
    "random",
];

impl SweepFile {
    /// Reads a sweep file.
    ///
    /// # Errors
    /// [`TrainError::File`] if it cannot be read, is no TOML, or says something that cannot be.
    pub fn load(path: &Path) -> Result<Self> {
        Self::parse(&text_of(path)?).map_err(|problem| TrainError::file(path, problem))
    }

    /// What the text of a sweep file says.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let table: Table = text.parse().map_err(|e: toml::de::Error| {
            let offset = e.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(offset).filter(|&b| b == b'\n').count();
            format!(
                "line {line}: not a TOML sweep: {}",
                e.message().replace('\n', ", ")
            )
        })?;
        for (section, _) in &table {
            refuse_unknown(section)?;
        }
        let text = |name: &str| match table.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(expected(name, "text", other)),
        };
        let Some(base) = text("base")? else {
            return Err(
                "`base` is missing: name the recipe that all members start from, such as base = \"quick\""
                    .into(),
            );
        };
        let metric = text("metric")?.unwrap_or("valid_loss");
        let file = Self {
            base: base.into(),
            seeds: seeds(&table)?,
            metric: Metric::new(metric, text("goal")?)?,
            halving: halving(&table)?,
            power_law: text("power_law")?.map(String::from),
            set: assignments(section(&table, "set")?, "set")?,
            list: list(&table)?,
            grid: grid(section(&table, "grid")?)?,
            random: random(section(&table, "random")?)?,
        };
        file.refuse_twice()?;
        if let Some(key) = file
            .power_law
            .as_deref()
            .filter(|key| !file.varying().contains(key))
        {
            return Err(format!(
                "`power_law` names `{key}`, which does not vary: expected one of {}",
                file.varying().join(", ")
            ));
        }
        if file.halving.is_some() {
            check_metric(&file.metric)?;
        }
        Ok(file)
    }

    /// The base recipe; a file's path starts at the folder of the sweep file.
    ///
    /// # Errors
    /// Those of [`Recipe::load`] and [`Recipe::builtin`].
    pub fn base(&self, sweep: &Path) -> Result<Recipe> {
        let path = PathBuf::from(&self.base);
        let is_file =
            path.extension().is_some_and(|e| e == "toml") || path.components().count() > 1;
        Ok(match is_file {
            true => Recipe::load(sweep.parent().unwrap_or(Path::new("")).join(path))?,
            false => Recipe::builtin(&self.base)?,
        })
    }

    /// The keys that vary, in their order.
    pub fn varying(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let list = self.list.iter().flatten().map(|a| a.key.as_str());
        let grid = self.grid.iter().map(|axis| axis.key.as_str());
        let drawn = self.random.draws.iter().map(|(key, _)| key.as_str());
        for name in list.chain(grid).chain(drawn) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Refuses a key in two sections, and the seed in any.
    fn refuse_twice(&self) -> std::result::Result<(), String> {
        let list: BTreeSet<&str> = self.list.iter().flatten().map(|a| a.key.as_str()).collect();
        let all = [
            ("set", self.set.iter().map(|a| a.key.as_str()).collect()),
            ("list", list),
            ("grid", self.grid.iter().map(|a| a.key.as_str()).collect()),
            (
                "random",
                self.random.draws.iter().map(|d| d.0.as_str()).collect(),
            ),
        ];
        for (place, (section, names)) in all.iter().enumerate() {
            if names.contains("seed") {
                return Err(format!(
                    "[{section}] names `seed`: the seeds of a sweep are given by `seeds`, such as seeds = [0, 1, 2]"
                ));
            }
            for (other, others) in &all[..place] {
                if let Some(key) = names.intersection(others).next() {
                    return Err(format!(
                        "`{key}` is in [{other}] and in [{section}], and can have its values from one of them only"
                    ));
                }
            }
        }
        Ok(())
    }
}

fn refuse_unknown(name: &str) -> std::result::Result<(), String> {
    match name {
        known if TOP.contains(&known) => Ok(()),
        _ => Err(format!(
            "`{name}` is no part of a sweep file: expected {}",
            TOP.join(", ")
        )),
    }
}

fn halving(table: &Table) -> std::result::Result<Option<usize>, String> {
    match table.get("halving") {
        None => Ok(None),
        Some(value) => match value.as_integer() {
            Some(factor @ 2..=1000) => Ok(Some(factor as usize)),
            _ => Err(expected(
                "halving",
                "a whole number from 2 to 1000: one setting in so many goes on after each rung",
                value,
            )),
        },
    }
}

fn seeds(table: &Table) -> std::result::Result<Vec<u64>, String> {
    let Some(value) = table.get("seeds") else {
        return Ok(Vec::new());
    };
    let list = match value {
        Value::Array(list) if !list.is_empty() => list,
        other => return Err(expected("seeds", "a list such as [0, 1, 2]", other)),
    };
    let mut seeds = Vec::new();
    for value in list {
        let seed = whole("seeds", value)?;
        if seeds.contains(&seed) {
            return Err(format!("`seeds` names {seed} twice"));
        }
        seeds.push(seed);
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn error(text: &str) -> String {
        SweepFile::parse(&format!("base = \"quick\"\n{text}")).unwrap_err()
    }

    #[test]
    fn what_cannot_be_is_told_with_its_place() {
        for (text, words) in [
            (
                "[grid]\ntrain.epoch = [1]",
                "[grid]: unknown recipe key `train.epoch`, did you mean `train.epochs`?",
            ),
            (
                "[grid]\ntrain.epochs = 3",
                "`grid.train.epochs` must be a list of values",
            ),
            ("[grid]\ntrain.epochs = []", "list of values"),
            ("[grid]\nseed = [1]", "given by `seeds`"),
            (
                "[set]\ntrain.epochs = 1\n[grid]\ntrain.epochs = [1]",
                "in [set] and in [grid]",
            ),
            (
                "[list]\ntrain.epochs = [1]\ntrain.steps = [1, 2]",
                "belong together",
            ),
            ("[random]\ntrain.steps = { integer = [1, 2] }", "has no `n`"),
            (
                "[random]\nn = 0\ntrain.steps = { integer = [1, 2] }",
                "1 or more",
            ),
            ("[random]\nn = 1", "names no recipe key"),
            ("[random]\nn = 1\ntrain.steps = { log = [0, 2] }", "above 0"),
            (
                "[random]\nn = 1\ntrain.lr = { log = [1, 2] }",
                "did you mean `train.learning_rate`?",
            ),
            ("seeds = 3", "a list such as [0, 1, 2]"),
            ("seeds = [1, 1]", "twice"),
            ("seeds = [-1]", "0 or more"),
            ("metric = \"speed\"", "\"min\" or \"max\""),
            ("goal = \"up\"", "found \"up\""),
            ("halving = 1", "from 2 to 1000"),
            (
                "power_law = \"params\"\n[grid]\ntrain.epochs = [1]",
                "names `params`, which does not vary: expected one of train.epochs",
            ),
            (
                "halving = 3\nmetric = \"test.accuracy\"",
                "before they are tested",
            ),
            ("gird = 1", "no part of a sweep file"),
            ("[grid", "line 2"),
        ] {
            let error = error(text);
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(SweepFile::parse("").unwrap_err().contains("`base`"));
    }

    #[test]
    fn goals_follow_from_names() {
        for (name, goal) in [
            ("valid_loss", Goal::Min),
            ("valid_accuracy_percent", Goal::Max),
            ("test.AUC", Goal::Max),
            ("valid_soma_rmse_mv", Goal::Min),
        ] {
            assert_eq!(Metric::new(name, None).unwrap().goal, goal);
        }
        assert_eq!(Metric::new("x", Some("max")).unwrap().goal, Goal::Max);
    }
}
