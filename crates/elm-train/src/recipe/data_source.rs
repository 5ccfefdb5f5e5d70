//! Where data come from.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is expected of one in TOML.
const WORDS: &str = r#""shipped", a quoted path, or a list of them such as ["folder"]"#;

/// Where data come from; in TOML `"shipped"`, a path or a list of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataSource {
    /// The part of the data set that ships with this project: `data.train` is its training part, and so on.
    Shipped,
    /// Files, or folders of files.
    Paths(Vec<PathBuf>),
}

impl DataSource {
    /// The paths given; none for the shipped data.
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Shipped => &[],
            Self::Paths(paths) => paths,
        }
    }

    /// Is no path given?
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Paths(paths) if paths.is_empty())
    }
}

impl Default for DataSource {
    /// No path: the user has to name one.
    fn default() -> Self {
        Self::Paths(Vec::new())
    }
}

impl JsonSchema for DataSource {
    fn schema_name() -> Cow<'static, str> {
        "DataSource".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "items": { "type": "string" } },
            ],
            "x-words": WORDS,
        })
    }
}

impl Serialize for DataSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Shipped => serializer.serialize_str("shipped"),
            Self::Paths(paths) => paths.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for DataSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = DataSource;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(WORDS)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<DataSource, E> {
        match text {
            "shipped" => Ok(DataSource::Shipped),
            // a list whose quotes the shell took
            text if text.is_empty() || text.starts_with('[') => {
                Err(E::invalid_value(de::Unexpected::Str(text), &self))
            }
            path => Ok(DataSource::Paths(vec![path.into()])),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<DataSource, A::Error> {
        let mut paths = Vec::new();
        while let Some(path) = list.next_element::<String>()? {
            paths.push(PathBuf::from(path));
        }
        Ok(DataSource::Paths(paths))
    }
}
