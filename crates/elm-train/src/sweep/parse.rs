//! A sweep file: what varies, and what it is judged by.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::draw::Draw;
use super::halving::check_metric;
use crate::error::{Result, TrainError};
use crate::recipe::{Recipe, RecipeError, key_named};

/// A recipe key with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// Dotted name, such as `train.epochs`.
    pub key: String,
    /// Its value.
    pub value: Value,
}

impl Assignment {
    /// `key=value`, as `--set` takes it.
    pub fn text(&self) -> String {
        format!("{}={}", self.key, self.value)
    }

    /// The value for people: text without quotes.
    pub fn shown(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// A key of `[grid]` with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Dotted name.
    pub key: String,
    /// Its values, in their order.
    pub values: Vec<Value>,
}

/// `[random]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Random {
    /// Draws of all keys.
    pub n: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// What each key is drawn from.
    pub draws: Vec<(String, Draw)>,
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
    /// Keys of all members.
    pub set: Vec<Assignment>,
    /// Rows of keys that belong together.
    pub list: Vec<Vec<Assignment>>,
    /// Keys whose values are all combined.
    pub grid: Vec<Axis>,
    /// Keys that are drawn.
    pub random: Random,
}

const TOP: [&str; 9] = [
    "base", "seeds", "metric", "goal", "halving", "set", "list", "grid", "random",
];

impl SweepFile {
    /// Reads a sweep file.
    ///
    /// # Errors
    /// [`TrainError::File`] if it cannot be read, is no TOML, or says something that cannot be.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| TrainError::file(path, format!("cannot read the sweep: {e}")))?;
        Self::parse(&text).map_err(|problem| TrainError::file(path, problem))
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
        let text_of = |name: &str| match table.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(expected(name, "text", other)),
        };
        let Some(base) = text_of("base")? else {
            return Err(
                "`base` is missing: name the recipe that all members start from, such as base = \"quick\""
                    .into(),
            );
        };
        let metric = text_of("metric")?.unwrap_or("valid_loss");
        let file = Self {
            base: base.into(),
            seeds: seeds(&table)?,
            metric: Metric::new(metric, text_of("goal")?)?,
            halving: halving(&table)?,
            set: assignments(section(&table, "set")?, "set")?,
            list: list(&table)?,
            grid: grid(section(&table, "grid")?)?,
            random: random(section(&table, "random")?)?,
        };
        file.refuse_twice()?;
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

fn expected(name: &str, what: &str, found: &Value) -> String {
    format!(
        "`{name}` must be {what}, found {} {found}",
        found.type_str()
    )
}

fn section<'a>(table: &'a Table, name: &str) -> std::result::Result<Option<&'a Table>, String> {
    match table.get(name) {
        None => Ok(None),
        Some(Value::Table(section)) => Ok(Some(section)),
        Some(other) => Err(expected(name, &format!("a table [{name}]"), other)),
    }
}

fn whole(name: &str, value: &Value) -> std::result::Result<u64, String> {
    let number = value.as_integer().and_then(|n| u64::try_from(n).ok());
    number.ok_or_else(|| expected(name, "a whole number, 0 or more", value))
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

/// Recipe keys with what a section says of them, by their names; nested tables are dotted keys, up to what `is_leaf`.
fn flat<'a>(
    table: &'a Table,
    section: &str,
    is_leaf: &dyn Fn(&Value) -> bool,
) -> std::result::Result<Vec<(String, &'a Value)>, String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), table)];
    while let Some((prefix, table)) = open.pop() {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            match value {
                Value::Table(inner) if !is_leaf(value) => open.push((format!("{key}."), inner)),
                _ => found.push((key, value)),
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    for pair in found.windows(2) {
        if pair[0].0 == pair[1].0 {
            return Err(format!("[{section}] names `{}` twice", pair[0].0));
        }
    }
    for (key, _) in &found {
        known(key, section)?;
    }
    Ok(found)
}

/// Refuses a key that no recipe has, with the nearest one.
fn known(key: &str, section: &str) -> std::result::Result<(), String> {
    if key_named(key).is_some() {
        return Ok(());
    }
    let hint = match Recipe::default().set(&format!("{key}=0")) {
        Err(RecipeError::UnknownKey { hint, .. }) => hint,
        Err(other) => format!(": {other}"),
        Ok(()) => String::new(),
    };
    Err(format!("[{section}]: unknown recipe key `{key}`{hint}"))
}

fn assignments(
    table: Option<&Table>,
    section: &str,
) -> std::result::Result<Vec<Assignment>, String> {
    let Some(table) = table else {
        return Ok(Vec::new());
    };
    let found = flat(table, section, &|_| false)?.into_iter();
    Ok(found
        .map(|(key, value)| Assignment {
            key,
            value: value.clone(),
        })
        .collect())
}

fn grid(table: Option<&Table>) -> std::result::Result<Vec<Axis>, String> {
    let Some(table) = table else {
        return Ok(Vec::new());
    };
    let axis = |(key, value): (String, &Value)| match value {
        Value::Array(values) if !values.is_empty() => Ok(Axis {
            key,
            values: values.clone(),
        }),
        other => Err(expected(
            &format!("grid.{key}"),
            "a list of values such as [1, 2]",
            other,
        )),
    };
    flat(table, "grid", &|_| false)?
        .into_iter()
        .map(axis)
        .collect()
}

/// `[list]` with lists of one length, whose n-th values belong together, or `[[list]]` with a table for each row.
fn list(table: &Table) -> std::result::Result<Vec<Vec<Assignment>>, String> {
    match table.get("list") {
        None => Ok(Vec::new()),
        Some(Value::Table(columns)) => {
            let columns = grid(Some(columns)).map_err(|e| e.replace("grid", "list"))?;
            let rows = columns.first().map_or(0, |axis| axis.values.len());
            if let Some(odd) = columns.iter().find(|axis| axis.values.len() != rows) {
                return Err(format!(
                    "[list]: `{}` has {} values and `{}` has {rows}: the n-th values of all keys belong together",
                    odd.key,
                    odd.values.len(),
                    columns[0].key
                ));
            }
            let row = |n: usize| {
                let cells = columns.iter().map(|axis| Assignment {
                    key: axis.key.clone(),
                    value: axis.values[n].clone(),
                });
                cells.collect()
            };
            Ok((0..rows).map(row).collect())
        }
        Some(Value::Array(rows)) => rows
            .iter()
            .map(|row| match row {
                Value::Table(row) => assignments(Some(row), "list"),
                other => Err(expected("list", "tables of recipe keys [[list]]", other)),
            })
            .collect(),
        Some(other) => Err(expected("list", "a table [list] or tables [[list]]", other)),
    }
}

fn random(table: Option<&Table>) -> std::result::Result<Random, String> {
    let Some(table) = table else {
        return Ok(Random::default());
    };
    let mut table = table.clone();
    let n = table
        .remove("n")
        .ok_or("[random] has no `n`: say how many draws are wanted, such as n = 20".to_string())?;
    let n = whole("random.n", &n)? as usize;
    let seed = table.remove("seed").unwrap_or(Value::Integer(0));
    let seed = whole("random.seed", &seed)?;
    let draw = |(key, value): (String, &Value)| {
        let draw = Draw::parse(value).map_err(|e| format!("[random]: `{key}` {e}"))?;
        Ok((key, draw))
    };
    let draws = flat(&table, "random", &Draw::is_one)?
        .into_iter()
        .map(draw)
        .collect::<std::result::Result<Vec<_>, String>>()?;
    match (n, draws.is_empty()) {
        (0, _) => Err("`random.n` must be 1 or more, found 0".into()),
        (_, true) => Err("[random] names no recipe key to draw".into()),
        _ => Ok(Random { n, seed, draws }),
    }
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
