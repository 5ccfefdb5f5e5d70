//! Metrics of each epoch, as a table in `metrics.csv`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable::write_whole;
use crate::error::{Result, TrainError};

/// File of the epochs in a run's folder.
pub(super) const FILE: &str = "metrics.csv";

/// A validation metric of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Key in the files.
    pub key: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Unit for people, empty for none.
    pub unit: &'static str,
    /// Decimals worth showing.
    pub decimals: usize,
}

/// What one epoch came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Gradient steps since the start of training.
    pub step: u64,
    /// Seconds of training and validation up to here, over all calls.
    pub seconds: f64,
    /// Those of them that gradient steps took.
    pub train_seconds: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean training loss.
    pub train_loss: f64,
    /// Mean validation loss.
    pub valid_loss: f64,
    /// The task's validation metrics by their keys; none where an epoch has no value.
    #[serde(flatten)]
    pub metrics: BTreeMap<String, Option<f64>>,
}

/// Names of the columns before the task's metrics.
const NAMES: [&str; 7] = [
    "epoch",
    "step",
    "seconds",
    "train_seconds",
    "learning_rate",
    "train_loss",
    "valid_loss",
];

impl EpochRecord {
    /// The value of a validation metric.
    pub fn metric(&self, key: &str) -> Option<f64> {
        self.metrics.get(key).copied().flatten()
    }

    fn row(&self) -> String {
        let metrics = self.metrics.values();
        let metrics = metrics.map(|v| v.map(|v| v.to_string()).unwrap_or_default());
        let numbers = [
            self.epoch.to_string(),
            self.step.to_string(),
            format!("{:.3}", self.seconds),
            format!("{:.3}", self.train_seconds),
            self.learning_rate.to_string(),
            self.train_loss.to_string(),
            self.valid_loss.to_string(),
        ];
        numbers
            .into_iter()
            .chain(metrics)
            .collect::<Vec<_>>()
            .join(",")
    }

    fn parse(names: &[&str], row: &str) -> Option<Self> {
        let mut record = Self::default();
        let values: Vec<&str> = row.split(',').collect();
        for (name, value) in names.iter().zip(&values) {
            match *name {
                "epoch" => record.epoch = value.parse().ok()?,
                "step" => record.step = value.parse().ok()?,
                "seconds" => record.seconds = value.parse().ok()?,
                "train_seconds" => record.train_seconds = value.parse().ok()?,
                "learning_rate" => record.learning_rate = value.parse().ok()?,
                "train_loss" => record.train_loss = value.parse().ok()?,
                "valid_loss" => record.valid_loss = value.parse().ok()?,
                key => {
                    let value = match *value {
                        "" => None,
                        number => Some(number.parse().ok()?),
                    };
                    record.metrics.insert(key.into(), value);
                }
            }
        }
        (values.len() == names.len()).then_some(record)
    }
}

/// The epoch with the least validation loss; the first of equal ones.
pub fn best(epochs: &[EpochRecord]) -> Option<&EpochRecord> {
    epochs
        .iter()
        .min_by(|a, b| a.valid_loss.total_cmp(&b.valid_loss))
}

/// Writes all epochs of a run into its folder.
///
/// # Errors
/// [`TrainError::Run`] if the file cannot be written.
pub(super) fn write(run: &Path, columns: &[Column], epochs: &[EpochRecord]) -> Result<()> {
    let metrics: std::collections::BTreeSet<&str> = match epochs.first() {
        Some(epoch) => epoch.metrics.keys().map(String::as_str).collect(),
        None => columns.iter().map(|column| column.key).collect(),
    };
    let names: Vec<&str> = NAMES.into_iter().chain(metrics).collect();
    let rows: String = epochs.iter().map(|epoch| epoch.row() + "\n").collect();
    write_whole(&run.join(FILE), names.join(",") + "\n" + &rows)
}

/// The epochs in a run's folder; none where there is no file yet.
///
/// # Errors
/// [`TrainError::File`] if the file cannot be read or holds something else.
pub fn read(run: &Path) -> Result<Vec<EpochRecord>> {
    let path = run.join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|e| TrainError::file(&path, format!("cannot read the metrics: {e}")))?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let wrong = |line: usize| {
        TrainError::file(
            &path,
            format!("line {line}: expected the metrics of an epoch"),
        )
    };
    if !names.starts_with(&NAMES) {
        return Err(wrong(1));
    }
    let rows = lines.enumerate();
    rows.map(|(i, row)| EpochRecord::parse(&names, row).ok_or_else(|| wrong(i + 2)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn record(epoch: usize, valid_loss: f64) -> EpochRecord {
        EpochRecord {
            epoch,
            step: 10 * epoch as u64,
            seconds: 1.5,
            train_seconds: 1.0,
            learning_rate: 0.1,
            train_loss: 1.0 / 3.0,
            valid_loss,
            metrics: BTreeMap::from([
                ("valid_auc".to_string(), (epoch > 1).then_some(0.9)),
                ("valid_soma_rmse_mv".to_string(), Some(2.0)),
            ]),
        }
    }

    #[test]
    fn what_is_written_is_read_with_every_digit() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap().is_empty());
        let epochs = [record(1, 3.0), record(2, 1.0), record(3, 1.0)];
        write(folder.path(), &[], &epochs).unwrap();
        assert_eq!(read(folder.path()).unwrap(), epochs);
        assert_eq!(best(&epochs).unwrap().epoch, 2);
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        let (head, rows) = text.split_once('\n').unwrap();
        assert!(
            head.ends_with(",valid_loss,valid_auc,valid_soma_rmse_mv"),
            "{head}"
        );
        assert!(
            rows.starts_with("1,10,1.500,1.000,0.1,0.3333333333333333,3,,2\n"),
            "{rows}"
        );
    }

    #[test]
    fn a_spoiled_table_names_its_line() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[], &[record(1, 3.0), record(2, 2.0)]).unwrap();
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        for (spoiled, line) in [
            (text.replace("2,20", "two,20"), "line 3"),
            (text.trim_end().trim_end_matches(",2").to_string(), "line 3"),
            ("epoch\n1\n".to_string(), "line 1"),
        ] {
            std::fs::write(&path, spoiled).unwrap();
            let error = read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(FILE) && error.contains(line), "{error}");
        }
    }
}
