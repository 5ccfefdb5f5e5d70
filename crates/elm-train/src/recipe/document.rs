//! Recipes from text and back, and changes to single keys.
//!
//! A file and `--set` go the same way: what they say is checked key by key against the schema, laid over the tables of a
//! whole recipe, and these are read as a recipe.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::de::DeTable;
use toml::{Table, Value};

use super::hint::key_hint;
use super::schema::{self, RecipeKey, key_named, keys, sections};
use super::{Recipe, RecipeError};

/// The key that chooses the task, and with it which other keys there are.
const TASK: &str = "task";
/// The key that chooses the model, likewise.
const KIND: &str = "model.kind";
/// Keys that sizes in ms follow from.
const TIMES: [&str; 3] = ["data.bin_ms", "arrays.events", "model.dt"];

/// A key with the value that somebody gave it.
struct Said {
    key: &'static RecipeKey,
    value: Value,
    /// The file and the line, or `--set`.
    origin: String,
}

impl Said {
    fn error(&self, problem: impl Into<String>) -> RecipeError {
        value_error(&self.origin, &self.key.name, problem)
    }
}

impl Recipe {
    /// Reads a recipe file; keys that it leaves out have their default. Call [`Recipe::validate`] when
    /// all changes are made.
    ///
    /// # Errors
    /// [`RecipeError`] for a file that cannot be read or is not TOML, an unknown key (with the nearest
    /// known one), or a value of the wrong type or out of range.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, RecipeError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| RecipeError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        Self::from_toml(&text, &path.display().to_string())
    }

    /// Reads a recipe from TOML text; `origin` says in errors where the text came from.
    ///
    /// # Errors
    /// As [`Recipe::load`].
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, RecipeError> {
        let said = read(text, origin)?;
        let named = |names: &[&str]| -> Vec<&Said> {
            let chosen = said
                .iter()
                .filter(|said| names.contains(&said.key.name.as_str()));
            chosen.collect()
        };
        // The task and the model decide which keys there are and what they are unless set.
        let mut recipe = Self::default();
        recipe.lay(&named(&[TASK]))?;
        let mut recipe = Self::of(recipe.task);
        let dt = recipe.dt();
        recipe.lay(&named(&TIMES))?;
        recipe.follow_time_step(dt);
        if let [kind] = named(&[KIND])[..] {
            recipe.choose_model(kind)?;
        }
        recipe.lay(&said.iter().collect::<Vec<_>>())?;
        Ok(recipe)
    }

    /// Changes one key, as `--set` does: `train.epochs=3`. The value is TOML; what is no TOML, or is wrong as TOML and
    /// right as text, is text.
    ///
    /// # Errors
    /// [`RecipeError`] for text without `=`, an unknown key (with the nearest known one), or a value of
    /// the wrong type or out of range; the recipe is then as before.
    pub fn set(&mut self, assignment: &str) -> Result<(), RecipeError> {
        let Some((key, text)) = assignment.split_once('=') else {
            return Err(RecipeError::Override {
                text: assignment.to_string(),
            });
        };
        let origin = "--set";
        let (key, text) = (find(key.trim(), origin, self)?, text.trim());
        let as_text = Value::String(text.to_string());
        let mut value = text.parse().unwrap_or_else(|_| as_text.clone());
        let wrong = |value: &Value| schema::problem(&key.schema, value).is_some();
        if wrong(&value) && !wrong(&as_text) {
            value = as_text;
        }
        let said = Said {
            key,
            value,
            origin: origin.into(),
        };
        if key.name == KIND {
            return self.choose_model(&said);
        }
        let (before, dt) = (self.task, self.dt());
        let mut changed = self.clone();
        changed.lay(&[&said])?;
        // its other keys would be those of another kind of task
        let kind = |task: elm_data::Task| std::mem::discriminant(&task.info().kind);
        if kind(before) != kind(changed.task) {
            return Err(said.error(format!(
                "cannot turn a recipe of {before} into one of {}: start from a recipe of that task",
                changed.task
            )));
        }
        changed.follow_time_step(dt);
        *self = changed;
        Ok(())
    }

    /// Takes another model, with its sizes for the task.
    fn choose_model(&mut self, said: &Said) -> Result<(), RecipeError> {
        let mut chosen = self.clone();
        chosen.lay(&[said])?;
        *self = self.clone().with_model(chosen.model.kind);
        Ok(())
    }

    /// Lays values over the recipe; it stays as it was when one of them is wrong.
    fn lay(&mut self, all: &[&Said]) -> Result<(), RecipeError> {
        let mut table = self.table();
        for said in all {
            if let Some(what) = said.key.useless_in(self) {
                return Err(said.error(format!("has no use in {what}")));
            }
            if let Some(problem) = schema::problem(&said.key.schema, &said.value) {
                return Err(said.error(problem));
            }
            said.key.insert(&mut table, said.value.clone());
        }
        let read: Result<Self, _> = serde_path_to_error::deserialize(table);
        let recipe = read.map_err(|error| {
            let path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
            let problem = one_line(error.inner().message());
            match all.iter().find(|said| said.key.holds(&path)) {
                Some(said) => said.error(format!("is wrong: {problem}")),
                None => value_error("recipe", &path.join("."), format!("is wrong: {problem}")),
            }
        })?;
        let form = self.form;
        *self = Self { form, ..recipe };
        Ok(())
    }

    /// The tables of the recipe, if TOML has all of its numbers.
    pub(super) fn try_table(&self) -> Option<Table> {
        Table::try_from(self).ok()
    }

    /// The tables of the recipe.
    pub(super) fn table(&self) -> Table {
        // a recipe is numbers, text and lists: it cannot fail but for a seed above 2^63 − 1, which `validate` refuses
        self.try_table().unwrap_or_default()
    }

    /// The recipe with every key and its meaning as TOML; [`Recipe::load`] reads it back.
    pub fn to_toml(&self) -> String {
        let table = self.table();
        let mut text = String::new();
        let mut current = "";
        for key in keys().iter().filter(|key| key.serves(self)) {
            let (section, name) = key.split();
            if section != current {
                text.push_str(&format!("\n[{section}]\n"));
                current = section;
            }
            match key.value(&table) {
                Some(value) => text.push_str(&format!("{name} = {value}  # {}\n", key.help)),
                None => text.push_str(&format!("# {name}: {}\n", key.help)),
            }
        }
        text
    }

    /// The value of a key by its dotted name; none where it is unset, the recipe has no use for it, or there is no such key.
    pub fn value(&self, name: &str) -> Option<Value> {
        let key = key_named(name).filter(|key| key.serves(self))?;
        key.value(&self.table()).cloned()
    }

    /// The keys in which another recipe differs, with the value here and there.
    pub fn differences(&self, other: &Self) -> BTreeMap<String, [String; 2]> {
        let (here, there) = (self.table(), other.table());
        let pairs = keys().iter().map(|key| {
            let pair = [&here, &there]
                .map(|table| key.value(table).map_or("unset".into(), Value::to_string));
            (key.name.clone(), pair)
        });
        pairs.filter(|(_, [a, b])| a != b).collect()
    }
}

/// What a text says, key by key, with the line of each.
fn read(text: &str, origin: &str) -> Result<Vec<Said>, RecipeError> {
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|&b| b == b'\n').count();
    let syntax = |error: toml::de::Error| RecipeError::Syntax {
        origin: origin.to_string(),
        line: line(error.span().map_or(0, |span| span.start)),
        problem: one_line(error.message()),
    };
    let table: Table = text.parse().map_err(syntax)?;
    let places = DeTable::parse(text).map_err(syntax)?;
    let at = |places: &DeTable<'_>, name: &str| {
        let key = places.keys().find(|key| key.get_ref() == name);
        let line = line(key.map_or(0, |key| key.span().start));
        format!("{origin}, line {line}")
    };
    let none = Recipe::default();
    let mut said = Vec::new();
    for (name, value) in table {
        let origin = at(places.get_ref(), &name);
        if !sections().any(|section| section == name) {
            let key = find(&name, &origin, &none)?;
            said.push(Said { key, value, origin });
            continue;
        }
        let (Value::Table(section), Some(toml::de::DeValue::Table(inner))) = (
            &value,
            places
                .get_ref()
                .get(name.as_str())
                .map(|place| place.get_ref()),
        ) else {
            let problem = format!("must be a table `[{name}]`, found {}", value.type_str());
            return Err(value_error(&origin, &name, problem));
        };
        for (key, value) in section {
            let origin = at(inner, key);
            let key = find(&format!("{name}.{key}"), &origin, &none)?;
            said.push(Said {
                key,
                value: value.clone(),
                origin,
            });
        }
    }
    Ok(said)
}

/// The key of this name.
fn find(name: &str, origin: &str, recipe: &Recipe) -> Result<&'static RecipeKey, RecipeError> {
    if let Some(key) = key_named(name) {
        return Ok(key);
    }
    if sections().any(|section| section == name) {
        let mut own = keys().iter().filter(|key| key.split().0 == name);
        let example = own.clone().find(|key| key.serves(recipe)).or(own.next());
        let example = example.map_or(name, |key| &key.name);
        let problem = format!("is a table of keys, name one of them, such as `{example}`");
        return Err(value_error(origin, name, problem));
    }
    Err(RecipeError::UnknownKey {
        origin: origin.to_string(),
        key: name.to_string(),
        hint: key_hint(name),
    })
}

fn value_error(origin: &str, key: &str, problem: impl Into<String>) -> RecipeError {
    RecipeError::Value {
        origin: origin.to_string(),
        key: key.to_string(),
        problem: problem.into(),
    }
}

fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(", ")
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
