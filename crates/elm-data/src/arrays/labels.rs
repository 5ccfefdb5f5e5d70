//! Names of classes and symbols, and the labels that stand for them.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// Most different labels of a data set: more are rather values to regress.
const MOST_LABELS: usize = 65_535;

/// A class or a symbol as a file names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Label {
    Integer(i64),
    Text(String),
}

impl Label {
    /// A whole number where it is written like one; `07` and `+7` are texts, so that no two names become one.
    pub(super) fn parse(text: &str) -> Self {
        match text.parse::<i64>() {
            Ok(integer) if integer.to_string() == text => Self::Integer(integer),
            _ => Self::Text(text.to_owned()),
        }
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The names of the classes or symbols of a data set, in the order of their numbers from 0: integers by value, then
/// texts by letter. Belongs to a model, so that later data get the same numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ClassNames {
    names: Vec<String>,
    numbers: HashMap<Label, u16>,
}

impl ClassNames {
    pub(super) fn of(labels: BTreeSet<Label>) -> Result<Self> {
        Self::try_from(labels.iter().map(Label::to_string).collect::<Vec<_>>())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All names, by number.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of the class called `name`.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.number_of(&Label::parse(name)).map(usize::from)
    }

    pub(super) fn number_of(&self, label: &Label) -> Option<u16> {
        self.numbers.get(label).copied()
    }

    /// The first names, for errors.
    pub(super) fn summary(&self) -> String {
        let shown = self.names.iter().take(8).cloned().collect::<Vec<_>>();
        let more = if self.names.len() > 8 { ", …" } else { "" };
        format!("{}{more}", shown.join(", "))
    }
}

impl TryFrom<Vec<String>> for ClassNames {
    type Error = DataError;

    fn try_from(names: Vec<String>) -> Result<Self> {
        if names.len() > MOST_LABELS {
            return Err(DataError::request(format!(
                "expected at most {MOST_LABELS} different labels, found more: are they values to regress?"
            )));
        }
        let mut numbers = HashMap::with_capacity(names.len());
        for (number, name) in names.iter().enumerate() {
            if numbers.insert(Label::parse(name), number as u16).is_some() {
                return Err(DataError::request(format!(
                    "names of classes: expected each once, found `{name}` twice"
                )));
            }
        }
        Ok(Self { names, numbers })
    }
}

impl From<ClassNames> for Vec<String> {
    fn from(names: ClassNames) -> Self {
        names.names
    }
}

/// Many labels, each kept as the number of an entry in a list of the different ones.
#[derive(Debug, Clone, Default)]
pub(super) struct CodedLabels {
    pub(super) codes: Vec<u16>,
    pub(super) different: Vec<Label>,
    known: HashMap<Label, u16>,
}

impl CodedLabels {
    /// Adds a label.
    ///
    /// # Errors
    /// If there are too many different ones, in words.
    pub(super) fn push(&mut self, label: Label) -> std::result::Result<(), String> {
        if let Some(code) = self.known.get(&label) {
            self.codes.push(*code);
            return Ok(());
        }
        if self.different.len() == MOST_LABELS {
            return Err(format!(
                "expected at most {MOST_LABELS} different labels, found more: are they values to regress?"
            ));
        }
        let code = self.different.len() as u16;
        self.known.insert(label.clone(), code);
        self.different.push(label);
        self.codes.push(code);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    /// The codes as numbers of classes.
    ///
    /// # Errors
    /// With the place of the first label that is no class, and the label.
    pub(super) fn numbers(
        &self,
        classes: &ClassNames,
    ) -> std::result::Result<Vec<u16>, (usize, Label)> {
        let table: Vec<Option<u16>> = self
            .different
            .iter()
            .map(|l| classes.number_of(l))
            .collect();
        let number = |(place, code): (usize, &u16)| {
            let code = usize::from(*code);
            table[code].ok_or_else(|| (place, self.different[code].clone()))
        };
        self.codes.iter().enumerate().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn integers_come_by_value_then_texts() {
        let labels = ["10", "b", "-2", "a", "9", "a"].map(Label::parse);
        let names = ClassNames::of(labels.iter().cloned().collect()).unwrap();
        assert_eq!(names.names(), ["-2", "9", "10", "a", "b"]);
        assert_eq!(names.number("10"), Some(2));
        assert_eq!(names.number("c"), None);
        let mut coded = CodedLabels::default();
        for label in labels {
            coded.push(label).unwrap();
        }
        assert_eq!(coded.numbers(&names).unwrap(), [2, 4, 0, 3, 1, 3]);
        let fewer = ClassNames::try_from(vec!["10".to_string(), "b".into()]).unwrap();
        assert_eq!(
            coded.numbers(&fewer).unwrap_err(),
            (2, Label::Integer(-2)),
            "the first that is no class"
        );
    }

    #[test]
    fn names_survive_storage_and_come_once() {
        let names = ClassNames::try_from(vec!["left".to_string(), "7".into()]).unwrap();
        let json = serde_json::to_string(&names).unwrap();
        assert_eq!(json, r#"["left","7"]"#);
        assert_eq!(serde_json::from_str::<ClassNames>(&json).unwrap(), names);
        assert!(serde_json::from_str::<ClassNames>(r#"["a","a"]"#).is_err());
    }

    #[test]
    fn too_many_labels_are_refused() {
        let mut coded = CodedLabels::default();
        for i in 0..MOST_LABELS as i64 {
            coded.push(Label::Integer(i)).unwrap();
        }
        assert!(
            coded
                .push(Label::Integer(-1))
                .unwrap_err()
                .contains("regress")
        );
    }
}
