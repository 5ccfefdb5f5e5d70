//! What a recipe may say: every key with its help, range and scope, from the types that hold the values.
//!
//! A field is declared once, with its documentation, its range (`schemars`) and what has a use for it. The list of keys,
//! the checks of values, the comments of printed recipes and the schema for editors all follow from the types' schema.
//! Fields of a model's configuration that the data decide are no keys, and a configuration within another shows its
//! fields as keys of the outer one.

mod check;

use std::sync::LazyLock;

use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};
use toml::Table;

use super::Recipe;
use crate::model::ModelKind;

pub(super) use check::problem;

/// Fields of models' configurations that follow from the data, the seed and the time step of a recipe.
const FROM_DATA: [&str; 6] = [
    "num_inputs",
    "num_outputs",
    "attention",
    "embedding_init",
    "dt",
    "seed",
];
/// Configurations within a section whose fields are keys of the section.
const LIFTED: [&str; 3] = [
    "arrays.reading",
    "network.network",
    "network.network.neuron",
];
/// Largest count or size of anything that has no smaller bound of its own.
const MAX_COUNT: u64 = 1 << 40;
/// Largest seed: TOML has no larger whole numbers.
const MAX_SEED: u64 = i64::MAX as u64;

/// A key of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct RecipeKey {
    /// Dotted name, such as `train.epochs`.
    pub name: String,
    /// Meaning, with unit and choices.
    pub help: String,
    /// What other tools call it, without a section.
    pub aliases: Vec<String>,
    /// JSON Schema of its values.
    pub schema: Value,
    /// Where the value is in the tables of a whole recipe.
    path: Vec<String>,
    /// What a task must have for the key to be of use; none: every task has a use for it.
    needs: Option<String>,
    /// Which models have a use for it; all where this is empty.
    models: Vec<ModelKind>,
}

impl RecipeKey {
    /// The table that the key is in (empty at the top) and its name there.
    pub(super) fn split(&self) -> (&str, &str) {
        self.name.split_once('.').unwrap_or(("", &self.name))
    }

    /// Has this recipe a use for it?
    pub fn serves(&self, recipe: &Recipe) -> bool {
        self.useless_in(recipe).is_none()
    }

    /// What of a recipe has no use for it.
    pub(super) fn useless_in(&self, recipe: &Recipe) -> Option<String> {
        let kind = recipe.model.kind;
        if !self.models.is_empty() && !self.models.contains(&kind) {
            return Some(format!("the model {kind}"));
        }
        let needs = self.needs.as_deref();
        (!needs.is_none_or(|label| recipe.task.uses(label)))
            .then(|| format!("the task {}", recipe.task))
    }

    /// Its value in the tables of a whole recipe; none where it is unset.
    pub(super) fn value<'a>(&self, table: &'a Table) -> Option<&'a toml::Value> {
        let (last, sections) = self.path.split_last()?;
        let inner = sections
            .iter()
            .try_fold(table, |table, name| table.get(name)?.as_table());
        inner?.get(last)
    }

    /// Sets its value in the tables of a whole recipe.
    pub(super) fn insert(&self, table: &mut Table, value: toml::Value) {
        let Some((last, sections)) = self.path.split_last() else {
            return;
        };
        let mut inner = table;
        for name in sections {
            let entry = inner.entry(name.as_str());
            match entry.or_insert_with(|| Table::new().into()) {
                toml::Value::Table(next) => inner = next,
                _ => return,
            }
        }
        inner.insert(last.clone(), value);
    }

    /// Is this a place within its value, in the tables of a whole recipe?
    pub(super) fn holds(&self, path: &[String]) -> bool {
        path.starts_with(&self.path)
    }
}

struct Sections {
    keys: Vec<RecipeKey>,
    /// Name and meaning of each table.
    tables: Vec<(String, String)>,
}

static ALL: LazyLock<Sections> = LazyLock::new(|| {
    let (written, read) = (
        generated(Contract::Serialize),
        generated(Contract::Deserialize),
    );
    let mut all = Sections {
        keys: Vec::new(),
        tables: Vec::new(),
    };
    for name in fields(&written) {
        let (written, read) = (property(&written, name), property(&read, name));
        if read.get("properties").is_some() {
            all.tables.push((name.into(), text(read, "description")));
            let first = all.keys.len();
            section(name, &[name.to_string()], written, read, &mut all.keys);
            let needs = read["x-needs"].as_str();
            for key in &mut all.keys[first..] {
                key.needs = key.needs.take().or(needs.map(str::to_string));
            }
        } else {
            all.keys.push(key("", &[name.to_string()], read));
        }
    }
    all
});

/// Every key of a recipe, in the order in which recipes are written.
pub fn keys() -> &'static [RecipeKey] {
    &ALL.keys
}

/// The key of this name.
pub fn key_named(name: &str) -> Option<&'static RecipeKey> {
    keys().iter().find(|key| key.name == name)
}

/// The tables of a recipe.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    ALL.tables.iter().map(|(name, _)| name.as_str())
}

/// The JSON Schema of recipe files (draft 2020-12), by which editors complete and check them.
pub fn schema() -> Value {
    let shown = |key: &RecipeKey| {
        let mut schema = key.schema.clone();
        if let Some(object) = schema.as_object_mut() {
            object.retain(|name, _| !name.starts_with("x-"));
            object.insert("description".into(), key.help.clone().into());
        }
        (key.split().1.to_string(), schema)
    };
    let of = |section: &str| -> Map<String, Value> {
        let own = keys().iter().filter(|key| key.split().0 == section);
        own.map(shown).collect()
    };
    let mut properties = of("");
    for (name, about) in &ALL.tables {
        let table = json!({
            "type": "object",
            "description": about,
            "properties": of(name),
            "additionalProperties": false,
        });
        properties.insert(name.clone(), table);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Recipe of elm",
        "description": "A full training setting: `elm train --recipe FILE`",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// The schema of the types, with everything in its place.
fn generated(contract: Contract) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.contract = contract;
    let root = settings.into_generator().into_root_schema_for::<Recipe>();
    let mut schema = root.to_value();
    simplify(&mut schema);
    schema
}

/// Takes out what TOML does not have, which is null, and bounds every whole number.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(simplify),
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    object.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type") != Some(&json!("null")));
                if let [Value::Object(only)] = &choices[..] {
                    let only = only.clone();
                    object.remove("anyOf");
                    for (name, value) in only {
                        object.entry(name).or_insert(value);
                    }
                }
            }
            // the formats are those of Rust's types
            let most = match object.remove("format").as_ref().and_then(Value::as_str) {
                Some("uint") => Some(MAX_COUNT),
                Some("uint64") => Some(MAX_SEED),
                Some("uint32") => Some(u64::from(u32::MAX)),
                _ => None,
            };
            if let Some(most) = most {
                object.entry("maximum").or_insert(most.into());
            }
            object.values_mut().for_each(simplify);
        }
        _ => {}
    }
}

/// The fields of a struct in their order: all of them are written.
fn fields(written: &Value) -> impl Iterator<Item = &str> {
    let names = written.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

fn property<'a>(schema: &'a Value, name: &str) -> &'a Value {
    &schema["properties"][name]
}

fn text(schema: &Value, name: &str) -> String {
    schema[name].as_str().unwrap_or_default().to_string()
}

fn section(name: &str, path: &[String], written: &Value, read: &Value, keys: &mut Vec<RecipeKey>) {
    let configured = ModelKind::ALL.iter().any(|kind| kind.section() == name) && name != "model";
    for field in fields(written) {
        let (inner, schema) = (property(written, field), property(read, field));
        let path: Vec<String> = path.iter().cloned().chain([field.to_string()]).collect();
        if LIFTED.contains(&path.join(".").as_str()) {
            section(name, &path, inner, schema, keys);
        } else if !(configured && FROM_DATA.contains(&field)) {
            keys.push(key(name, &path, schema));
        }
    }
}

fn key(section: &str, path: &[String], schema: &Value) -> RecipeKey {
    let name = path.last().cloned().unwrap_or_default();
    let words = |field: &str| -> Vec<String> {
        let list = schema[field].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_string).collect()
    };
    let models = match &schema["x-models"] {
        Value::Null => ModelKind::ALL
            .into_iter()
            .filter(|kind| kind.section() == section)
            .collect(),
        _ => ModelKind::ALL
            .into_iter()
            .filter(|kind| words("x-models").iter().any(|name| name == kind.name()))
            .collect(),
    };
    RecipeKey {
        name: match section {
            "" => name,
            _ => format!("{section}.{name}"),
        },
        help: help(schema),
        aliases: words("x-aliases"),
        needs: schema["x-needs"].as_str().map(str::to_string),
        models,
        path: path.to_vec(),
        schema: schema.clone(),
    }
}

/// The first paragraph of a field's documentation as one line, without its marks, and the choices that there are.
fn help(schema: &Value) -> String {
    let about = text(schema, "description");
    let about = about.split("\n\n").next().unwrap_or_default();
    let about: String = about
        .replace(['\n'], " ")
        .chars()
        .filter(|c| !['`', '[', ']'].contains(c))
        .collect();
    let about = about.trim_end_matches('.');
    match check::choices(schema, false) {
        Some(choices) => format!("{about}: {choices}"),
        None => about.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use elm_data::Task;

    use super::*;
    use crate::recipe::builtins;

    #[test]
    fn every_key_has_help_and_a_use() {
        assert!(keys().len() > 100);
        for key in keys() {
            assert!(key.help.len() > 3, "{}", key.name);
            assert!(!key.help.contains('\n'), "{}", key.name);
            let needs = key.needs.as_deref();
            let used = needs.is_none_or(|label| Task::ALL.iter().any(|task| task.uses(label)));
            assert!(used, "{} needs {needs:?}, which no task has", key.name);
        }
        for what in Task::ALL.iter().flat_map(|task| task.info().uses) {
            let needed = keys().iter().any(|key| key.needs.as_deref() == Some(what));
            assert!(needed, "no key needs {what}");
        }
        for section in sections() {
            assert!(keys().iter().any(|key| key.split().0 == section));
        }
    }

    #[test]
    fn builtin_recipes_keep_to_the_schema() {
        let schema = schema();
        for (name, _) in builtins() {
            let text = Recipe::builtin(&name).unwrap().to_toml();
            let table: Table = text.parse().unwrap();
            assert_eq!(problem(&schema, &table.into()), None, "{name}");
        }
        for wrong in [
            "[train]\nepochs = 0",
            "[train]\nepoch = 3",
            "task = \"sdh\"",
            "[network]\nhigh_pass_tau = { s = 3.0 }",
            "[network]\nlast = { num_memmory = 3 }",
            "[lif]\nnum_inputs = 3",
            "[arrays]\nkeys = { x = 3 }",
        ] {
            let table: Table = wrong.parse().unwrap();
            assert!(problem(&schema, &table.into()).is_some(), "{wrong}");
        }
    }
}
