//! The sections of a sweep file: recipe keys with values, lists, or what they are drawn from.

use toml::{Table, Value};

use super::draw::Draw;
use crate::recipe::{Recipe, RecipeError, key_named};

/// In place of a recipe key: trained parameters that the model's one size is chosen for.
pub const PARAMS: &str = "params";

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

/// `name` must be something else than what was found.
pub(super) fn expected(name: &str, what: &str, found: &Value) -> String {
    format!(
        "`{name}` must be {what}, found {} {found}",
        found.type_str()
    )
}

/// A section by its name.
///
/// # Errors
/// A sentence if it is no table; so do all below.
pub(super) fn section<'a>(table: &'a Table, name: &str) -> Result<Option<&'a Table>, String> {
    match table.get(name) {
        None => Ok(None),
        Some(Value::Table(section)) => Ok(Some(section)),
        Some(other) => Err(expected(name, &format!("a table [{name}]"), other)),
    }
}

/// A whole number, 0 or more.
pub(super) fn whole(name: &str, value: &Value) -> Result<u64, String> {
    let number = value.as_integer().and_then(|n| u64::try_from(n).ok());
    number.ok_or_else(|| expected(name, "a whole number, 0 or more", value))
}

/// Recipe keys with what a section says of them, by their names; nested tables are dotted keys, up to what `is_leaf`.
fn flat<'a>(
    table: &'a Table,
    section: &str,
    is_leaf: &dyn Fn(&Value) -> bool,
) -> Result<Vec<(String, &'a Value)>, String> {
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
fn known(key: &str, section: &str) -> Result<(), String> {
    if key == PARAMS || key_named(key).is_some() {
        return Ok(());
    }
    let hint = match Recipe::default().set(&format!("{key}=0")) {
        Err(RecipeError::UnknownKey { hint, .. }) => hint,
        Err(other) => format!(": {other}"),
        Ok(()) => String::new(),
    };
    Err(format!("[{section}]: unknown recipe key `{key}`{hint}"))
}

/// `[set]`, or a row of `[[list]]`.
pub(super) fn assignments(table: Option<&Table>, section: &str) -> Result<Vec<Assignment>, String> {
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

/// `[grid]`: lists of values.
pub(super) fn grid(table: Option<&Table>) -> Result<Vec<Axis>, String> {
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
pub(super) fn list(table: &Table) -> Result<Vec<Vec<Assignment>>, String> {
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

/// `[random]`.
pub(super) fn random(table: Option<&Table>) -> Result<Random, String> {
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
        .collect::<Result<Vec<_>, String>>()?;
    match (n, draws.is_empty()) {
        (0, _) => Err("`random.n` must be 1 or more, found 0".into()),
        (_, true) => Err("[random] names no recipe key to draw".into()),
        _ => Ok(Random { n, seed, draws }),
    }
}
