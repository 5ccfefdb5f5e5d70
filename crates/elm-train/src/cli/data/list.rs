//! `elm data list`.

use elm_data::Task;
use elm_data::task::TaskKind;
use serde_json::json;

use crate::error::{Result, TrainError};
use crate::say;

/// List the tasks: what is learnt, and where to get their files.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<()> {
    if args.json {
        let all: Vec<_> = Task::ALL.iter().copied().map(row).collect();
        let text =
            serde_json::to_string_pretty(&all).map_err(|e| TrainError::Run(e.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    for &task in Task::ALL {
        let info = task.info();
        say!("{:<24} {}", info.name, info.about);
        let mut sizes = match info.channels {
            0 => "as the files have them".to_string(),
            channels => format!("{} steps of {channels} channels", info.length),
        };
        if let TaskKind::Classification { classes, inputs } = info.kind {
            let pair = if inputs == 2 { "pairs, " } else { "" };
            sizes = format!("{pair}{sizes}, {classes} classes");
        }
        if info.samples != [0; 3] {
            let [train, valid, test] = info.samples;
            sizes += &format!("; {train} train, {valid} valid, {test} test");
        }
        for (name, text) in [
            ("sizes", sizes.as_str()),
            ("files", info.files),
            ("source", info.source),
            ("licence", info.licence),
        ] {
            say!("    {name:<9} {text}");
        }
    }
    Ok(())
}

fn row(task: Task) -> serde_json::Value {
    let info = task.info();
    let [train, valid, test] = info.samples;
    json!({
        "name": info.name,
        "about": info.about,
        "source": info.source,
        "files": info.files,
        "licence": info.licence,
        "samples": { "train": train, "valid": valid, "test": test },
        "length": info.length,
        "channels": info.channels,
        "classes": task.classes(),
    })
}
