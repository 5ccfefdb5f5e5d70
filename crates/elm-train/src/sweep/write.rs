//! A sweep as a file.

use super::parse::{Goal, SweepFile};
use super::sections::Assignment;
use crate::recipe::key_named;

impl SweepFile {
    /// The text of a file that [`parse`](Self::parse) reads as this; what is drawn is not written, as nobody makes such a sweep
    /// by program.
    pub fn to_toml(&self) -> String {
        let goal = match self.metric.goal {
            Goal::Min => "min",
            Goal::Max => "max",
        };
        let mut out = format!("base = {}\n", quoted(&self.base));
        if !self.seeds.is_empty() {
            out += &format!("seeds = {:?}\n", self.seeds);
        }
        out += &format!("metric = {}\n", quoted(&self.metric.name));
        out += &format!("goal = \"{goal}\"\n");
        if let Some(factor) = self.halving {
            out += &format!("halving = {factor}\n");
        }
        if let Some(key) = &self.power_law {
            out += &format!("power_law = {}\n", quoted(key));
        }
        if !self.set.is_empty() {
            out += &format!("\n[set]\n{}", lines(&self.set));
        }
        if !self.grid.is_empty() {
            out += "\n[grid]\n";
        }
        for axis in &self.grid {
            let values: Vec<String> = axis.values.iter().map(ToString::to_string).collect();
            out += &format!("{} = [{}]\n", axis.key, values.join(", "));
        }
        for row in &self.list {
            out += &format!("\n[[list]]\n{}", lines(row));
        }
        out
    }
}

impl Assignment {
    /// `key=value` as `--set` takes it: the value is TOML, and text where it is none.
    ///
    /// # Errors
    /// A sentence if it is no assignment to a recipe key.
    pub fn read(text: &str) -> Result<Self, String> {
        let split = text.split_once('=');
        let (key, value) = split.ok_or_else(|| format!("expected KEY=VALUE, found `{text}`"))?;
        let (key, value) = (key.trim(), value.trim());
        if key_named(key).is_none() {
            return Err(format!("unknown recipe key `{key}`"));
        }
        Ok(Self {
            key: key.into(),
            value: value.parse().unwrap_or_else(|_| value.into()),
        })
    }
}

fn quoted(text: &str) -> toml::Value {
    text.into()
}

fn lines(all: &[Assignment]) -> String {
    let lines = all.iter().map(|a| format!("{} = {}\n", a.key, a.value));
    lines.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = r#"
            base = "it's \"quick\""
            seeds = [3, 4]
            metric = "valid_loss"
            halving = 3
            power_law = "train.learning_rate"
            [set]
            train.epochs = 9
            data.dir = "C:\\x y"
            [grid]
            train.learning_rate = [1e-5, 0.25]
            [[list]]
            model.kind = "elm"
            model.num_memory = 5
            [[list]]
            model.kind = "network"
            network.hidden_neurons = [4, 3]
        "#;
        let file = SweepFile::parse(text).unwrap();
        assert_eq!(SweepFile::parse(&file.to_toml()).unwrap(), file);
        let plain = SweepFile::parse("base = \"quick\"").unwrap();
        assert_eq!(SweepFile::parse(&plain.to_toml()).unwrap(), plain);
        let read = |text: &str| Assignment::read(text).map(|a| a.value);
        assert_eq!(read("train.epochs = 3"), Ok(3.into()));
        assert_eq!(read("data.dir=a b/c"), Ok("a b/c".into()));
        assert!(read("train.epoch=3").is_err() && read("train.epochs").is_err());
    }
}
