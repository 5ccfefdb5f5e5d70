//! Metrics of each epoch, as JSON lines and CSV.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::write_whole;
use crate::error::{Result, TrainError};

/// A validation metric of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Key in the files.
    pub key: &'static str,
    /// Name of Burn's metric.
    pub metric: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Unit for people, empty for none.
    pub unit: &'static str,
    /// Decimals worth showing.
    pub decimals: usize,
}

/// What one epoch came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Gradient steps since the start of training.
    pub step: u64,
    /// Seconds of training up to here, over all sessions of the run.
    pub seconds: f64,
    /// Those of them that gradient steps took, without validation.
    #[serde(default)]
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

impl EpochRecord {
    /// The value of a validation metric.
    pub fn metric(&self, key: &str) -> Option<f64> {
        self.metrics.get(key).copied().flatten()
    }

    fn csv(&self, columns: &[Column]) -> String {
        let metrics: String = columns
            .iter()
            .map(|column| {
                let value = self.metric(column.key).map(|v| v.to_string());
                format!(",{}", value.unwrap_or_default())
            })
            .collect();
        format!(
            "{},{},{:.3},{},{},{}{metrics}",
            self.epoch,
            self.step,
            self.seconds,
            self.learning_rate,
            self.train_loss,
            self.valid_loss,
        )
    }
}

fn csv_header(columns: &[Column]) -> String {
    let metrics: String = columns.iter().map(|c| format!(",{}", c.key)).collect();
    format!("epoch,step,seconds,learning_rate,train_loss,valid_loss{metrics}\n")
}

/// All epochs of a run, kept in `metrics.jsonl` and `metrics.csv` of its folder.
#[derive(Debug, Clone)]
pub struct History {
    folder: PathBuf,
    columns: &'static [Column],
    records: Vec<EpochRecord>,
}

impl History {
    /// The history in a run's folder, empty if there is none yet; `columns` are the task's metrics. A last line that was cut off while it was being
    /// written does not count.
    ///
    /// # Errors
    /// [`TrainError::File`] if `metrics.jsonl` cannot be read or holds something else.
    pub fn open(folder: &Path, columns: &'static [Column]) -> Result<Self> {
        let path = folder.join("metrics.jsonl");
        let mut records = Vec::new();
        if path.exists() {
            let text = std::fs::read_to_string(&path)
                .map_err(|e| TrainError::file(&path, format!("cannot read the metrics: {e}")))?;
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            for (i, line) in whole.lines().enumerate() {
                records.push(serde_json::from_str(line).map_err(|e| {
                    TrainError::file(
                        &path,
                        format!("line {}: expected the metrics of an epoch: {e}", i + 1),
                    )
                })?);
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            columns,
            records,
        })
    }

    /// The task's metrics.
    pub fn columns(&self) -> &'static [Column] {
        self.columns
    }

    /// The epochs so far, in order.
    pub fn records(&self) -> &[EpochRecord] {
        &self.records
    }

    /// Smallest validation loss so far.
    pub fn best(&self) -> Option<&EpochRecord> {
        self.records
            .iter()
            .min_by(|a, b| a.valid_loss.total_cmp(&b.valid_loss))
    }

    /// Seconds of a validation, on average; 0 before the first.
    pub fn validation_seconds(&self) -> f64 {
        self.records.last().map_or(0.0, |last| {
            (last.seconds - last.train_seconds).max(0.0) / self.records.len() as f64
        })
    }

    /// Forgets the epochs after `step`, which a resumed run trains again. The lines of the others stay as they are.
    ///
    /// # Errors
    /// [`TrainError::File`] if the files cannot be read or written.
    pub fn keep_until(&mut self, step: u64) -> Result<()> {
        self.records.retain(|r| r.step <= step);
        let count = self.records.len();
        let first = |name: &str, lines: usize| -> String {
            let text = std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            text.split_inclusive('\n').take(lines).collect()
        };
        write_whole(
            &self.folder.join("metrics.jsonl"),
            &first("metrics.jsonl", count),
        )?;
        let mut csv = first("metrics.csv", count + 1);
        let header = csv_header(self.columns);
        if csv.lines().count() != count + 1 || !csv.starts_with(&header) {
            let lines = self.records.iter().map(|r| r.csv(self.columns) + "\n");
            csv = header + &lines.collect::<String>();
        }
        write_whole(&self.folder.join("metrics.csv"), &csv)
    }

    /// Adds an epoch.
    ///
    /// # Errors
    /// [`TrainError::File`] if the files cannot be written.
    pub fn push(&mut self, record: EpochRecord) -> Result<()> {
        if self.records.is_empty() {
            write_whole(&self.folder.join("metrics.csv"), &csv_header(self.columns))?;
        }
        self.append("metrics.jsonl", &(self.json(&record) + "\n"))?;
        self.append("metrics.csv", &(record.csv(self.columns) + "\n"))?;
        self.records.push(record);
        Ok(())
    }

    fn json(&self, record: &EpochRecord) -> String {
        // A record holds numbers only, and a NaN becomes null: this cannot fail.
        serde_json::to_string(record).unwrap_or_default()
    }

    fn append(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|e| TrainError::file(&path, format!("cannot write the metrics: {e}")))
    }
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
            train_loss: 1.0,
            valid_loss,
            metrics: BTreeMap::from([
                ("valid_auc".to_string(), (epoch > 1).then_some(0.9)),
                ("valid_soma_rmse_mv".to_string(), Some(2.0)),
            ]),
        }
    }

    const COLUMNS: &[Column] = &[column("valid_auc"), column("valid_soma_rmse_mv")];

    const fn column(key: &'static str) -> Column {
        Column {
            key,
            metric: "",
            title: "",
            unit: "",
            decimals: 2,
        }
    }

    #[test]
    fn a_history_survives_a_restart_and_forgets_what_is_trained_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path(), COLUMNS).unwrap();
        for (epoch, loss) in [(1, 3.0), (2, 1.0), (3, 2.0)] {
            history.push(record(epoch, loss)).unwrap();
        }
        let mut again = History::open(folder.path(), COLUMNS).unwrap();
        assert_eq!(again.records(), history.records());
        assert_eq!(again.best().unwrap().epoch, 2);
        again.keep_until(15).unwrap();
        assert_eq!(
            History::open(folder.path(), COLUMNS).unwrap().records(),
            &history.records()[..1]
        );
        let csv = std::fs::read_to_string(folder.path().join("metrics.csv")).unwrap();
        assert_eq!(csv.lines().count(), 2, "{csv}");
        let (head, row) = csv.trim_end().split_once('\n').unwrap();
        assert!(head.ends_with(",valid_auc,valid_soma_rmse_mv"), "{head}");
        assert!(row.ends_with(",3,,2"), "{row}");
    }

    #[test]
    fn lines_that_stay_keep_every_digit_and_a_cut_off_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("metrics.jsonl");
        let mut history = History::open(folder.path(), COLUMNS).unwrap();
        for epoch in 1..=50 {
            history
                .push(record(epoch, 1.0 / (epoch as f64 + 0.1)))
                .unwrap();
        }
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}{{\"epoch\": 51, \"st")).unwrap();
        let mut again = History::open(folder.path(), COLUMNS).unwrap();
        assert_eq!(again.records().len(), 50);
        again.keep_until(10_000).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        // a CSV that does not go with it is written anew
        std::fs::write(folder.path().join("metrics.csv"), "x").unwrap();
        again.keep_until(20).unwrap();
        let csv = std::fs::read_to_string(folder.path().join("metrics.csv")).unwrap();
        assert!(
            csv.starts_with(&csv_header(COLUMNS)) && csv.lines().count() == 3,
            "{csv}"
        );
    }

    #[test]
    fn validations_take_what_steps_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path(), COLUMNS).unwrap();
        assert_eq!(history.validation_seconds(), 0.0);
        for epoch in 1..=4 {
            let times = EpochRecord {
                seconds: 3.0 * epoch as f64,
                train_seconds: 2.5 * epoch as f64,
                ..record(epoch, 1.0)
            };
            history.push(times).unwrap();
            assert!((history.validation_seconds() - 0.5).abs() < 1e-12);
        }
    }

    #[test]
    fn a_spoiled_history_names_its_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("metrics.jsonl"), "{\"epoch\": 1}\n").unwrap();
        let error = History::open(folder.path(), COLUMNS)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("metrics.jsonl") && error.contains("line 1"),
            "{error}"
        );
    }
}
