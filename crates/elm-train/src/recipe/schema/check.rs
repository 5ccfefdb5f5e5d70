//! A value against a schema, in words for people.

use std::fmt::Write;

use serde_json::{Map, Value};
use toml::Value as Toml;

/// Longest value that is quoted in a message.
const MAX_QUOTE: usize = 60;

/// What is wrong with a value, after "the key": which value was expected, and what was found.
pub(in crate::recipe) fn problem(schema: &Value, value: &Toml) -> Option<String> {
    let Value::Object(object) = schema else {
        return (schema == &Value::Bool(false)).then(|| "is not allowed".into());
    };
    if let Some(branches) = branches(object) {
        return of_branches(schema, branches, value);
    }
    let wrong = || {
        Some(format!(
            "must be {}, found {}",
            expected(schema, Some(value)),
            quoted(value)
        ))
    };
    if let Some(only) = object.get("const") {
        return (value.as_str() != only.as_str()).then(wrong)?;
    }
    if let Some(names) = object.get("enum").and_then(Value::as_array) {
        let known = names.iter().any(|name| name.as_str() == value.as_str());
        return (!known).then(wrong)?;
    }
    match (object.get("type").and_then(Value::as_str), value) {
        (Some("integer"), Toml::Integer(number)) if in_range(object, *number as f64) => None,
        (Some("number"), Toml::Integer(number)) if in_range(object, *number as f64) => None,
        (Some("number"), Toml::Float(number)) if in_range(object, *number) => None,
        (Some("boolean"), Toml::Boolean(_)) | (Some("string"), Toml::String(_)) => None,
        (Some("array"), Toml::Array(list)) => of_list(object, list),
        (Some("object"), Toml::Table(table)) => of_table(object, table),
        (None, _) => None,
        _ => wrong(),
    }
}

fn branches(object: &Map<String, Value>) -> Option<&Vec<Value>> {
    ["oneOf", "anyOf"]
        .iter()
        .find_map(|name| object.get(*name)?.as_array())
}

/// A value that must be one of several kinds.
fn of_branches(schema: &Value, branches: &[Value], value: &Toml) -> Option<String> {
    if branches
        .iter()
        .any(|branch| problem(branch, value).is_none())
    {
        return None;
    }
    // the problem within the branch that was meant, if one can be told
    if let Toml::Table(table) = value {
        let meant = branches.iter().filter(|branch| {
            let properties = branch["properties"].as_object();
            let names = |p: &Map<String, Value>| {
                let tag = p.iter().find(|(_, own)| own.get("const").is_some());
                match tag {
                    Some((name, own)) => {
                        table.get(name).and_then(Toml::as_str) == own["const"].as_str()
                    }
                    None => table.keys().any(|name| p.contains_key(name)),
                }
            };
            properties.is_some_and(names)
        });
        let meant: Vec<&Value> = meant.collect();
        if let [only] = meant[..] {
            return problem(only, value);
        }
    }
    Some(format!(
        "must be {}, found {}",
        expected(schema, Some(value)),
        quoted(value)
    ))
}

fn of_list(object: &Map<String, Value>, list: &[Toml]) -> Option<String> {
    let items = object.get("items")?;
    let (place, problem) = list
        .iter()
        .enumerate()
        .find_map(|(place, value)| Some((place, problem(items, value)?)))?;
    Some(format!("has at place {}: {problem}", place + 1))
}

fn of_table(object: &Map<String, Value>, table: &toml::Table) -> Option<String> {
    let properties = object.get("properties").and_then(Value::as_object);
    let own = |name: &str| properties.and_then(|all| all.get(name));
    let closed = ["additionalProperties", "unevaluatedProperties"]
        .iter()
        .any(|name| object.get(*name) == Some(&Value::Bool(false)));
    for (name, value) in table {
        match own(name) {
            Some(schema) => {
                if let Some(problem) = problem(schema, value) {
                    return Some(format!("has `{name}`, which {problem}"));
                }
            }
            None if closed => {
                let known: Vec<String> = properties
                    .map(|all| all.keys().map(|name| format!("`{name}`")).collect())
                    .unwrap_or_default();
                return Some(format!(
                    "has no `{name}`; there {}",
                    match &known[..] {
                        [] => "is nothing in it".into(),
                        [one] => format!("is {one}"),
                        _ => format!("are {}", joined(&known, "and")),
                    }
                ));
            }
            None => {}
        }
    }
    let required = object.get("required").and_then(Value::as_array);
    let missing = required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .find(|name| !table.contains_key(*name));
    missing.map(|name| format!("lacks `{name}`"))
}

/// Is a number in the range of a schema, and one that 32 bits hold?
fn in_range(object: &Map<String, Value>, number: f64) -> bool {
    let bound = |name| object.get(name).and_then(Value::as_f64);
    (number as f32).is_finite()
        && bound("minimum").is_none_or(|least| number >= least)
        && bound("exclusiveMinimum").is_none_or(|least| number > least)
        && bound("maximum").is_none_or(|most| number <= most)
        && bound("exclusiveMaximum").is_none_or(|most| number < most)
}

/// The choices of a schema that has some: off or { ms = .. }, the names in ticks if so asked.
pub(super) fn choices(schema: &Value, ticks: bool) -> Option<String> {
    if schema.get("x-words").is_some() {
        return None;
    }
    let named = |name: &str| match ticks {
        true => format!("`{name}`"),
        false => name.to_string(),
    };
    if let Some(names) = schema["enum"].as_array() {
        let names = names.iter().filter_map(Value::as_str).map(named);
        return Some(joined(&names.collect::<Vec<_>>(), "or"));
    }
    let each = branches(schema.as_object()?)?.iter();
    let each = each.map(|branch| match branch["const"].as_str() {
        Some(name) => named(name),
        None => shape(branch),
    });
    Some(joined(&each.collect::<Vec<_>>(), "or"))
}

/// What is expected, as the end of "must be".
fn expected(schema: &Value, found: Option<&Toml>) -> String {
    if let Some(words) = schema["x-words"].as_str() {
        return words.into();
    }
    if let Some(choices) = choices(schema, true) {
        return choices;
    }
    if schema.get("const").is_some() {
        return shape(schema);
    }
    match schema["type"].as_str() {
        Some("integer") => format!("a whole number{}", range(schema, found)),
        Some("number") => format!("a number{}", range(schema, found)),
        Some("boolean") => "true or false".into(),
        Some("string") => "text in quotes".into(),
        Some("array") => format!("a list, each {}", expected(&schema["items"], None)),
        _ => shape(schema),
    }
}

/// " of at least 0 and below 1", or nothing.
fn range(schema: &Value, found: Option<&Toml>) -> String {
    let bound = |name: &str| schema[name].as_f64();
    let found = found.and_then(|value| value.as_float().or(value.as_integer().map(|n| n as f64)));
    if let (Some(least), Some(most)) = (bound("minimum"), bound("maximum"))
        && schema["type"] == "integer"
        && most < super::MAX_COUNT as f64
    {
        return format!(", {least} to {most}");
    }
    let mut words = String::new();
    let mut add = |word: &str, bound: f64| {
        let and = if words.is_empty() { "" } else { " and" };
        let _ = write!(words, "{and} {word} {bound}");
    };
    if let Some(least) = bound("minimum") {
        add("of at least", least);
    }
    if let Some(least) = bound("exclusiveMinimum") {
        add("above", least);
    }
    if let Some(most) = bound("maximum")
        // a bound that is only there so that there is one
        && (most < super::MAX_COUNT as f64 || found.is_some_and(|n| n > most))
    {
        add("at most", most);
    }
    if let Some(most) = bound("exclusiveMaximum") {
        add("below", most);
    }
    let words = words.replacen(
        " at most",
        if words.starts_with(" at most") {
            " of at most"
        } else {
            " at most"
        },
        1,
    );
    match found.is_some_and(|n| !(n as f32).is_finite()) {
        true => format!("{words} that 32 bits hold"),
        false => words,
    }
}

/// A value as it is written.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["const"].as_str() {
        return name.into();
    }
    if let Some(choices) = choices(schema, false) {
        return choices;
    }
    match schema["type"].as_str() {
        Some("object") => {
            let Some(properties) = schema["properties"].as_object() else {
                return "{ .. }".into();
            };
            let fields = properties
                .iter()
                .map(|(name, own)| match own["type"].as_str() {
                    Some("object") => format!("{name} = {}", shape(own)),
                    _ => match own["const"].as_str() {
                        Some(value) => format!("{name} = \"{value}\""),
                        None => format!("{name} = .."),
                    },
                });
            let fields: Vec<String> = fields.collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Some("integer" | "number") => "a number".into(),
        Some("array") => "[ .. ]".into(),
        _ => "..".into(),
    }
}

fn joined(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

fn quoted(value: &Toml) -> String {
    let text = value.to_string();
    match (
        value,
        text.chars().count() > MAX_QUOTE || text.contains('\n'),
    ) {
        (_, false) => text,
        (Toml::Table(_), _) => "a table".into(),
        (Toml::Array(_), _) => "a list".into(),
        _ => format!("{}…", text.chars().take(MAX_QUOTE).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_says_what_was_expected_and_found() {
        let choice = json!({"oneOf": [
            {"type": "string", "const": "off"},
            {"type": "object", "properties": {"ms": {"type": "number", "exclusiveMinimum": 0}}, "required": ["ms"], "additionalProperties": false},
        ]});
        let share = json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1});
        let count = json!({"type": "integer", "minimum": 1, "maximum": super::super::MAX_COUNT});
        let list = json!({"type": "array", "items": count});
        for (schema, value, words) in [
            (
                &choice,
                "'on'",
                "must be `off` or { ms = .. }, found \"on\"",
            ),
            (
                &choice,
                "{ms = 'x'}",
                "has `ms`, which must be a number above 0, found \"x\"",
            ),
            (
                &choice,
                "{s = 3}",
                "must be `off` or { ms = .. }, found { s = 3 }",
            ),
            (&choice, "{ms = 1, s = 3}", "has no `s`; there is `ms`"),
            (
                &share,
                "1",
                "must be a number of at least 0 and below 1, found 1",
            ),
            (
                &share,
                "nan",
                "must be a number of at least 0 and below 1 that 32 bits hold, found nan",
            ),
            (
                &share,
                "true",
                "must be a number of at least 0 and below 1, found true",
            ),
            (&count, "0", "must be a whole number of at least 1, found 0"),
            (
                &count,
                "2.5",
                "must be a whole number of at least 1, found 2.5",
            ),
            (
                &count,
                "9223372036854775807",
                "at most 1099511627776, found",
            ),
            (
                &list,
                "[3, 0]",
                "has at place 2: must be a whole number of at least 1, found 0",
            ),
            (
                &list,
                "3",
                "must be a list, each a whole number of at least 1, found 3",
            ),
        ] {
            let value: Toml = value.parse().unwrap_or(Toml::Boolean(false));
            let found = problem(schema, &value).unwrap_or_default();
            assert!(found.contains(words), "{found}");
        }
        for (schema, value) in [
            (&choice, "'off'"),
            (&choice, "{ms = 5}"),
            (&share, "0.5"),
            (&list, "[]"),
        ] {
            let value: Toml = value.parse().unwrap_or(Toml::Boolean(false));
            assert_eq!(problem(schema, &value), None);
        }
    }
}
