//! How the metric scales with a key: a power law for each group of settings, and for the best of them.

use toml::Value;

use super::expand::{Member, Sweep};
use super::law::PowerLaw;
use super::results::{Results, Setting};
use super::sections::PARAMS;
use crate::error::Result;
use crate::report::{ScalingGroup, ScalingReport, Table};

/// Pieces of the line of a law.
const LINE: u32 = 24;

/// Settings that differ in the scaled key alone.
struct Group<'a> {
    /// What they have in common.
    name: String,
    settings: Vec<(f64, &'a Setting)>,
}

/// What the report says about how a sweep scales; none where its file names no key for that, or nothing is finished.
///
/// # Errors
/// Those of a member's recipe.
pub(super) fn scaling(sweep: &Sweep, results: &Results) -> Result<Option<ScalingReport>> {
    let Some(key) = &sweep.file.power_law else {
        return Ok(None);
    };
    let groups = groups(key, results);
    if groups.is_empty() {
        return Ok(None);
    }
    let best = Group {
        name: "best of each".into(),
        settings: best(&groups, results),
    };
    let groups: Vec<Group<'_>> = match groups.len() {
        1 => groups,
        _ => groups.into_iter().chain([best]).collect(),
    };
    let shown = |group: &Group<'_>| {
        let line = group.law().zip(group.ends()).map(|(law, (low, high))| {
            let at = |n: u32| low * (high / low).powf(f64::from(n) / f64::from(LINE));
            (0..=LINE).map(|n| (at(n), law.at(at(n)))).collect()
        });
        ScalingGroup {
            name: group.name.clone(),
            points: group.points(),
            line: line.unwrap_or_default(),
        }
    };
    Ok(Some(ScalingReport {
        key: name(key).into(),
        metric: results.metric.name.clone(),
        groups: groups.iter().map(shown).collect(),
        tables: vec![laws(key, &groups), sizes(sweep, key, &groups)?],
    }))
}

impl Group<'_> {
    /// Key and metric of every finished member.
    fn points(&self) -> Vec<(f64, f64)> {
        let points = self.settings.iter().flat_map(|(x, setting)| {
            let values = setting.finished.iter().filter_map(|m| m.value);
            values.map(move |y| (*x, y))
        });
        points.collect()
    }

    fn law(&self) -> Option<PowerLaw> {
        PowerLaw::fit(&self.points())
    }

    fn ends(&self) -> Option<(f64, f64)> {
        let all = || self.settings.iter().map(|(x, _)| *x);
        Some((all().min_by(f64::total_cmp)?, all().max_by(f64::total_cmp)?))
    }
}

/// A key as it is called in the report.
fn name(key: &str) -> &str {
    match key {
        PARAMS => "trained parameters",
        other => other,
    }
}

fn number(member: &Member, key: &str) -> Option<f64> {
    let change = member.changes.iter().find(|change| change.key == key)?;
    match change.value {
        Value::Integer(n) => Some(n as f64),
        Value::Float(x) => Some(x),
        _ => None,
    }
}

/// The groups in the order of the settings' numbers, with those of their settings that have a metric, the least key first.
fn groups<'a>(key: &str, results: &'a Results) -> Vec<Group<'a>> {
    let mut settings: Vec<&Setting> = results.settings.iter().collect();
    settings.sort_by_key(|setting| setting.first.setting);
    let mut groups: Vec<Group<'a>> = Vec::new();
    for setting in settings {
        let (Some(x), true) = (number(&setting.first, key), setting.spread.is_some()) else {
            continue;
        };
        let others = setting.first.changes.iter().filter(|c| c.key != key);
        let others: Vec<String> = others
            .map(|c| {
                let leaf = c.key.rsplit('.').next().unwrap_or(&c.key);
                format!("{leaf} {}", c.shown())
            })
            .collect();
        let name = match others.is_empty() {
            true => "all".into(),
            false => others.join(", "),
        };
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.settings.push((x, setting)),
            None => groups.push(Group {
                name,
                settings: vec![(x, setting)],
            }),
        }
    }
    for group in &mut groups {
        group.settings.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    groups
}

/// The setting with the best mean at each value of the key.
fn best<'a>(groups: &[Group<'a>], results: &Results) -> Vec<(f64, &'a Setting)> {
    let value = |setting: &Setting| results.metric.goal.key(setting.spread.map(|s| s.mean));
    let mut best: Vec<(f64, &'a Setting)> = Vec::new();
    for &(x, setting) in groups.iter().flat_map(|group| &group.settings) {
        match best.iter_mut().find(|(at, _)| *at == x) {
            None => best.push((x, setting)),
            Some(known) if value(setting) < value(known.1) => *known = (x, setting),
            Some(_) => {}
        }
    }
    best.sort_by(|a, b| a.0.total_cmp(&b.0));
    best
}

fn laws(key: &str, groups: &[Group<'_>]) -> Table {
    let row = |group: &Group<'_>| {
        let law = group.law();
        let optional = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.3}"));
        let half = law.and_then(|law| law.half_width);
        vec![
            group.name.clone(),
            optional(law.map(|law| law.exponent)),
            match law.zip(half) {
                Some((law, half)) => {
                    format!("{:.3} to {:.3}", law.exponent - half, law.exponent + half)
                }
                None => "-".into(),
            },
            optional(law.and_then(|law| law.r2)),
            law.map_or(0, |law| law.n).to_string(),
        ]
    };
    let columns = ["Settings", "Exponent", "95 % interval", "R²", "Runs"];
    Table {
        title: format!("Power laws in {}", name(key)),
        about: "Least squares through the logarithms of all runs; the interval takes what is left for normal and independent. It \
                does not know that a law may bend outside of what was run, or that the best of each was chosen by the same runs."
            .into(),
        columns: columns.map(String::from).into(),
        rows: groups.iter().map(row).collect(),
    }
}

/// What every setting is, and what it came to.
fn sizes(sweep: &Sweep, key: &str, groups: &[Group<'_>]) -> Result<Table> {
    let mut rows = Vec::new();
    for group in groups {
        for (x, setting) in &group.settings {
            let recipe = sweep.recipe(&setting.first)?;
            let spread = setting.spread;
            let sd = spread.and_then(|s| s.sd);
            rows.push(vec![
                group.name.clone(),
                format!("{x}"),
                recipe.model_config().title(),
                recipe.num_trained().to_string(),
                spread.map_or("-".into(), |s| format!("{:.4}", s.mean)),
                sd.map_or("-".into(), |sd| format!("{sd:.4}")),
            ]);
        }
    }
    let columns = [
        "Settings",
        name(key),
        "Model",
        "Parameters",
        sweep.file.metric.name.as_str(),
        "± sd",
    ];
    Ok(Table {
        title: "Sizes".into(),
        about: String::new(),
        columns: columns.map(String::from).into(),
        rows,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sweep::{Ranked, Spread, SweepFile, Tally};

    /// A sweep whose losses are `(1 + 0.01·seed)·M·params^-0.5`.
    fn done() -> (Sweep, Results) {
        let text = r#"
            base = "spikes"
            seeds = [0, 1]
            power_law = "params"
            [set]
            model.kind = "network"
            [grid]
            network.num_memory = [2, 4]
            params = [40000, 10000]
        "#;
        let file = SweepFile::parse(text).unwrap();
        let base = file.base(std::path::Path::new("x")).unwrap();
        let sweep = Sweep::new(file, base).unwrap();
        let metric = sweep.file.metric.clone();
        let loss = |member: &Member| {
            let of = |key| number(member, key).unwrap();
            of("network.num_memory") * of("params").powf(-0.5) * (1.0 + 0.01 * member.seed as f64)
        };
        let settings = (0..sweep.num_settings()).map(|setting| {
            let finished: Vec<Ranked> = sweep
                .of_setting(setting)
                .map(|member| Ranked {
                    member: member.clone(),
                    value: Some(loss(member)),
                })
                .collect();
            let values: Vec<f64> = finished.iter().filter_map(|m| m.value).collect();
            Setting {
                first: finished[0].member.clone(),
                seeds: 2,
                spread: Spread::of(&values),
                finished,
                stopped: None,
            }
        });
        let results = Results {
            metric,
            settings: settings.collect(),
            halving: None,
            tally: Tally::default(),
        };
        (sweep, results)
    }

    #[test]
    fn groups_have_their_laws_and_the_best_of_each_size_too() {
        let (sweep, results) = done();
        sweep.validate().unwrap();
        let report = scaling(&sweep, &results).unwrap().unwrap();
        let names: Vec<&str> = report.groups.iter().map(|g| g.name.as_str()).collect();
        assert_eq!(names, ["num_memory 2", "num_memory 4", "best of each"]);
        for group in &report.groups {
            assert_eq!(group.points.len(), 4);
            // least first, whatever the order of the file
            let (first, last) = (group.line[0].0, group.line.last().unwrap().0);
            assert!((first - 10_000.0).abs() < 1e-6 && (last - 40_000.0).abs() < 1e-6);
        }
        // two memory units are the better ones everywhere
        assert_eq!(report.groups[2].points, report.groups[0].points);
        for row in &report.tables[0].rows {
            assert_eq!((&*row[1], &*row[4]), ("-0.500", "4"));
        }
        let sizes = &report.tables[1].rows;
        assert_eq!(sizes.len(), 6);
        for row in sizes {
            let [asked, found] = [1, 3].map(|n| row[n].parse::<f64>().unwrap());
            assert!((found / asked - 1.0).abs() < 0.1, "{row:?}");
        }
        // fewer neurons with more memory, as the budget is the same
        let titles: Vec<&str> = sizes.iter().map(|row| row[2].as_str()).collect();
        assert_ne!(titles[1], titles[3]);
    }

    #[test]
    fn a_sweep_that_asks_for_none_has_none() {
        let (mut sweep, results) = done();
        sweep.file.power_law = None;
        assert_eq!(scaling(&sweep, &results).unwrap(), None);
    }
}
