//! What a sweep came to, as files and as a table.

use std::collections::BTreeSet;
use std::path::PathBuf;

use toml::Value;

use super::expand::Sweep;
use super::folder::SweepFolder;
use super::parse::Goal;
use super::results::{Results, Setting};
use super::scaling::scaling;
use crate::durable;
use crate::error::Result;
use crate::report::{BestRecipe, KeyPanel, KeyPoint, KeyValue, SweepReport, Table, render_sweep};

/// Settings that are said; all are in the files.
const SAID: usize = 10;
/// Settings in the table of the report; all are in `results.csv`.
const SHOWN: usize = 200;

/// Writes `report.html`, `results.csv` and, if a member is finished, `best.toml` into the folder of the sweep.
///
/// # Errors
/// If a finished member cannot be read, or a file cannot be written.
pub fn write_report(sweep: &Sweep, folder: &SweepFolder) -> Result<(Results, PathBuf)> {
    let _lock = folder.exclusive()?;
    let results = Results::read(sweep, folder)?;
    durable::write_whole(&folder.file("results.csv"), csv(sweep, &results)?)?;
    let best = match results.best() {
        None => None,
        Some(setting) => {
            let recipe = sweep.recipe(&setting.first)?.with_absolute_paths();
            let toml = recipe.to_toml();
            durable::write_whole(&folder.file("best.toml"), &toml)?;
            Some(BestRecipe {
                title: best_sentence(&results, setting),
                toml,
            })
        }
    };
    let report = folder.file("report.html");
    durable::write_whole(&report, page(sweep, folder, &results, best)?)?;
    Ok((results, report))
}

impl Results {
    /// The best settings as a table for people.
    pub fn table(&self, sweep: &Sweep) -> String {
        let said = &self.settings[..self.settings.len().min(SAID)];
        let mut out = table(sweep, said).to_text();
        if self.settings.len() > SAID {
            out += &format!("and {} more\n", self.settings.len() - SAID);
        }
        out
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size != 0.0 && !(1e-3..1e5).contains(&size) => format!("{value:.3e}"),
        size if size < 10.0 => format!("{value:.4}"),
        _ => format!("{value:.2}"),
    }
}

fn optional(value: Option<f64>) -> String {
    value.map_or("-".into(), number)
}

/// What a setting has for a key; empty where the key is not its own.
fn cell(setting: &Setting, key: &str) -> String {
    let own = setting.first.changes.iter().find(|c| c.key == key);
    own.map(|change| change.shown()).unwrap_or_default()
}

/// A row for each setting: its keys, then the metric over its seeds.
fn table(sweep: &Sweep, settings: &[Setting]) -> Table {
    let keys = sweep.file.varying();
    let metric = &sweep.file.metric.name;
    let mut columns = vec!["Rank".to_string()];
    columns.extend(keys.iter().map(|key| key.to_string()));
    columns.extend([
        metric.clone(),
        "± sd".into(),
        "95 % interval".into(),
        "Seeds".into(),
    ]);
    if sweep.file.halving.is_some() {
        columns.push("Epochs".into());
    }
    let row = |(rank, setting): (usize, &Setting)| {
        let mut cells = vec![rank.to_string()];
        cells.extend(keys.iter().map(|key| cell(setting, key)));
        let spread = setting.spread;
        let interval = spread.and_then(|s| {
            let half = s.half_width?;
            Some(format!(
                "{} to {}",
                number(s.mean - half),
                number(s.mean + half)
            ))
        });
        cells.extend([
            optional(spread.map(|s| s.mean)),
            optional(spread.and_then(|s| s.sd)),
            interval.unwrap_or("-".into()),
            format!("{} of {}", spread.map_or(0, |s| s.n), setting.seeds),
        ]);
        if sweep.file.halving.is_some() {
            cells.push(match setting.stopped {
                Some(epochs) => format!("stopped after {epochs}"),
                None => "all".into(),
            });
        }
        cells
    };
    Table {
        title: "Settings by rank".into(),
        about: String::new(),
        rows: (1..).zip(settings).map(row).collect(),
        columns,
    }
}

fn best_sentence(results: &Results, setting: &Setting) -> String {
    let spread = setting.spread;
    let changes = setting.first.changes.iter();
    let changes: Vec<String> = changes
        .map(|c| format!("{} = {}", c.key, c.value))
        .collect();
    let changes = match changes.is_empty() {
        true => "the base recipe".into(),
        false => changes.join(", "),
    };
    format!(
        "{}: {} {} over {} of {} seeds",
        changes,
        results.metric.name,
        optional(spread.map(|s| s.mean)),
        spread.map_or(0, |s| s.n),
        setting.seeds
    )
}

/// A row for each member that is finished.
fn csv(sweep: &Sweep, results: &Results) -> Result<String> {
    let keys = sweep.file.varying();
    let field = |text: &str| match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    };
    let mut head: Vec<String> = vec!["member".into(), "setting".into(), "seed".into()];
    head.extend(keys.iter().map(|key| field(key)));
    if sweep.file.power_law.is_some() {
        head.extend(["model".into(), "parameters".into()]);
    }
    head.push(field(&results.metric.name));
    if results.halving.is_some() {
        head.push("stopped_after".into());
    }
    let mut out = head.join(",") + "\n";
    for setting in &results.settings {
        for ranked in &setting.finished {
            let member = &ranked.member;
            let mut cells = vec![
                member.index.to_string(),
                member.setting.to_string(),
                member.seed.to_string(),
            ];
            cells.extend(keys.iter().map(|key| field(&cell(setting, key))));
            if sweep.file.power_law.is_some() {
                let recipe = sweep.recipe(member)?;
                cells.push(field(&recipe.model_config().title()));
                cells.push(recipe.num_trained().to_string());
            }
            cells.push(ranked.value.map(|v| v.to_string()).unwrap_or_default());
            if results.halving.is_some() {
                cells.push(setting.stopped.map(|n| n.to_string()).unwrap_or_default());
            }
            out += &(cells.join(",") + "\n");
        }
    }
    Ok(out)
}

fn page(
    sweep: &Sweep,
    folder: &SweepFolder,
    results: &Results,
    best: Option<BestRecipe>,
) -> Result<String> {
    let name = folder.path().file_name().unwrap_or_default();
    let shown = &results.settings[..results.settings.len().min(SHOWN)];
    let goal = match results.metric.goal {
        Goal::Min => "least first",
        Goal::Max => "greatest first",
    };
    let seeds: BTreeSet<u64> = sweep.members.iter().map(|m| m.seed).collect();
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    Ok(render_sweep(&SweepReport {
        title: format!("Sweep {}", name.to_string_lossy()),
        facts: [
            ("Base", sweep.file.base.clone()),
            ("Task", sweep.base.task.to_string()),
            ("Settings", results.settings.len().to_string()),
            ("Seeds", seeds.join(", ")),
            ("Members", results.tally.sentence()),
            ("Ranked by", format!("{}, {goal}", results.metric.name)),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into(),
        settings: table(sweep, shown),
        panels: sweep
            .file
            .varying()
            .into_iter()
            .map(|key| panel(results, key))
            .collect(),
        best,
        scaling: scaling(sweep, results)?,
        failed: results.tally.failed.clone(),
        notes: notes(results, shown.len()),
    }))
}

/// The metric of every finished member against a key.
fn panel(results: &Results, key: &str) -> KeyPanel {
    let points = results.finished().filter_map(|ranked| {
        let change = ranked.member.changes.iter().find(|c| c.key == key)?;
        let value = match &change.value {
            Value::Integer(n) => KeyValue::Number(*n as f64),
            Value::Float(x) => KeyValue::Number(*x),
            _ => KeyValue::Name(change.shown()),
        };
        Some(KeyPoint {
            key: value,
            metric: ranked.value?,
            member: ranked.member.name.clone(),
        })
    });
    KeyPanel {
        key: key.to_string(),
        metric: results.metric.name.clone(),
        points: points.collect(),
    }
}

fn notes(results: &Results, shown: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if shown < results.settings.len() {
        notes.push(format!(
            "The table holds the best {shown} of {} settings; results.csv holds all.",
            results.settings.len()
        ));
    }
    if !results.tally.is_over() {
        notes.push(format!(
            "The sweep is not over: {}.",
            results.tally.sentence()
        ));
    }
    if let Some(factor) = results.halving {
        notes.push(format!(
            "Successive halving: one setting in {factor} went on after each rung of epochs; the others have the metric that they \
             were stopped with, in the middle of their schedule, and are no measure of what they would have come to."
        ));
    }
    notes.push(
        "Metrics of validation are those of the epoch with the least validation loss, whose model is kept. ± sd is the \
         standard deviation over seeds, the interval that of the mean by Student's t, which takes the seeds' results for \
         normal. The best of many settings looks better than it is: its interval does not know how many were tried, so \
         train it again with other seeds, and judge it by the test."
            .into(),
    );
    notes
}
