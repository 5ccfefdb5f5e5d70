//! `elm compare`: equal budgets, one report, stopped and gone on with.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{failure, history, stdout};
use serde_json::Value;

/// Arguments of a comparison on tiny data in `folder`.
fn arguments(folder: &Path, out: &Path, models: &str, budget: [&str; 2]) -> Vec<String> {
    let data = format!("data.dir={}", folder.join("spikes").display());
    let mut args = vec!["compare", "--recipe", "spikes-adding", "--device", "cpu"];
    args.extend(["--models", models, "--out", out.to_str().unwrap()]);
    args.extend(budget);
    for assignment in [
        &*data,
        "data.make_train=60",
        "data.make_test=20",
        "data.valid_samples=8",
        "data.test_samples=10",
        "data.bin_ms=100",
        "train.batch_size=2",
        "model.num_memory=4",
        "chrono_lstm.hidden_size=5",
        "lif.num_neurons=5",
    ] {
        let key = assignment.split('=').next().unwrap();
        let owner = [
            ("model.", "elm"),
            ("chrono_lstm.", "chrono-lstm"),
            ("lif.", "lif"),
        ];
        let mut owners = owner.iter().filter(|(section, _)| key.starts_with(section));
        if owners.all(|(_, model)| models.split(',').any(|m| m == *model)) {
            args.extend(["--set", assignment]);
        }
    }
    args.into_iter().map(String::from).collect()
}

/// The folder of the first run of a model.
fn run_of(out: &Path, model: &str) -> PathBuf {
    let kind = format!("-kind-{model}");
    let entries = std::fs::read_dir(out.join("members")).into_iter().flatten();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    runs.retain(|run| {
        let name = run.file_name().unwrap().to_string_lossy();
        name.ends_with(&kind) || name.contains(&format!("{kind}-"))
    });
    runs.sort();
    runs.into_iter().next().unwrap_or_default()
}

fn run(arguments: &[String]) -> String {
    stdout(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn result(out: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(out.join("compare.json")).unwrap()).unwrap()
}

fn models(result: &Value, list: &str) -> Vec<String> {
    let found = result[list].as_array().unwrap().iter();
    found
        .map(|r| r["model"].as_str().unwrap().to_string())
        .collect()
}

#[test]
fn equal_steps_give_one_report_of_all_models() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    let args = arguments(
        folder.path(),
        &out,
        "elm,chrono-lstm,lif",
        ["--steps", "24"],
    );
    let text = run(&args);
    let found = result(&out);
    assert_eq!(models(&found, "results"), ["elm", "chrono-lstm", "lif"]);
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    let mut epochs = Vec::new();
    for entry in found["results"].as_array().unwrap() {
        let name = entry["model"].as_str().unwrap();
        let result = &entry["runs"][0];
        assert_eq!(result["steps"], 24, "{name}");
        assert!(entry["trained_parameters"].as_u64().unwrap() > 10);
        assert!(result["ms_per_step"].as_f64().unwrap() > 0.0);
        let accuracy = &result["test"][0];
        assert_eq!(accuracy["metric"], "Accuracy (%)");
        assert!(accuracy["value"].as_f64().is_some());
        for place in [&report, &text] {
            assert!(place.contains(name), "{name}");
        }
        // each ran as a run of its own, and its learning rate went down to the end of the schedule
        let records = history(&run_of(&out, name));
        let rate = |record: &Value| record["learning_rate"].as_f64().unwrap();
        let peak = records.iter().map(rate).fold(0.0, f64::max);
        assert!(rate(records.last().unwrap()) < 0.05 * peak, "{name}");
        epochs.push(records.len());
    }
    assert!(
        epochs.iter().all(|n| *n == epochs[0] && *n >= 8),
        "{epochs:?}"
    );
    for word in [
        "gradient steps",
        "Validation accuracy (%)",
        "At equal gradient steps",
        "At equal time",
        "Loss at half (12)",
    ] {
        assert!(report.contains(word), "`{word}` is missing");
    }
    assert!(!report.contains("NaN") && !report.contains("<script"));
    for word in [
        "Parameters",
        "Steps",
        "ms per step",
        "Accuracy (%)",
        "report.html",
    ] {
        assert!(text.contains(word), "`{word}` is missing in:\n{text}");
    }
    // gone on with: what is there stays, what is not is trained
    let [elm, lif] = ["elm", "lif"].map(|model| run_of(&out, model));
    let before = std::fs::read(elm.join("metrics.csv")).unwrap();
    std::fs::remove_dir_all(&lif).unwrap();
    let name = out.to_str().unwrap();
    let text = stdout(&["compare", "--resume", name, "--device", "cpu"]);
    assert!(text.contains("kind-lif: valid_loss"), "{text}");
    assert!(!text.contains("kind-elm: valid_loss"), "{text}");
    assert_eq!(std::fs::read(elm.join("metrics.csv")).unwrap(), before);
    let again = result(&out);
    assert_eq!(models(&again, "results"), ["elm", "chrono-lstm", "lif"]);
    // the same seed and batches give the same numbers
    let loss = |found: &Value| {
        found["results"][2]["runs"][0]["test"][1]["value"]
            .as_f64()
            .unwrap()
    };
    let (a, b) = (loss(&found), loss(&again));
    assert!((a - b).abs() < 1e-6 * a.abs(), "{a} and {b}");
    // the same call goes on, too, and finds nothing to do; another one does not
    let text = run(&args);
    assert!(!text.contains("training"), "{text}");
    let other: Vec<&str> = args
        .iter()
        .map(|a| if a == "24" { "25" } else { a })
        .collect();
    let (code, error) = failure(&other);
    assert!(code == 2 && error.contains("another sweep"), "{error}");
    // it is a sweep like others
    let text = stdout(&["sweep", name, "--status"]);
    assert!(text.contains("3 members: 3 finished"), "{text}");
}

#[test]
fn every_model_is_tried_with_the_same_rates_and_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    // 47 steps are no whole number of epochs
    let mut args = arguments(folder.path(), &out, "elm,lif", ["--steps", "47"]);
    let more = ["--rates", "1e-8,1e-2", "--seeds", "3,4", "--jobs", "2"];
    args.extend(more.map(String::from));
    let text = run(&args);
    assert!(text.contains("8 members"), "{text}");
    let found = result(&out);
    assert_eq!(models(&found, "results"), ["elm", "lif"]);
    for entry in found["results"].as_array().unwrap() {
        // nothing is learnt with the smaller one
        assert_eq!(entry["learning_rate"], 1e-2);
        let tries = entry["tries"].as_array().unwrap();
        assert_eq!(tries.len(), 2);
        let runs = entry["runs"].as_array().unwrap();
        let seeds: Vec<_> = runs.iter().map(|r| r["seed"].as_u64().unwrap()).collect();
        assert_eq!(seeds, [3, 4]);
        for (place, run) in runs.iter().enumerate() {
            assert_eq!(run["steps"], 47);
            let curve = run["curve"].as_array().unwrap();
            assert_eq!(curve.last().unwrap()["step"], 47);
            assert_eq!(run["best_valid_loss"], tries[1]["valid_losses"][place]);
        }
        let mean = |n: usize| {
            let losses = tries[n]["valid_losses"].as_array().unwrap().iter();
            losses.map(|loss| loss.as_f64().unwrap()).sum::<f64>() / 2.0
        };
        assert!(mean(1) < mean(0));
        // by hand: mean and deviation of the report are those of the runs
        let losses = [0, 1].map(|n| tries[1]["valid_losses"][n].as_f64().unwrap());
        let sd = (losses[0] - losses[1]).abs() / 2f64.sqrt();
        let shown = format!("{:.4} ± {sd:.4}", mean(1));
        let report = std::fs::read_to_string(out.join("report.html")).unwrap();
        assert!(report.contains(&shown), "{shown}");
        assert!(report.contains("Learning rates") && report.contains("chosen"));
    }
}

#[test]
fn minutes_become_steps_and_sizes_follow_a_count() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    let mut args = arguments(
        folder.path(),
        &out,
        "chrono-lstm,tcn",
        ["--minutes", "0.05"],
    );
    // a size that is chosen is not given, too
    let given = args
        .iter()
        .position(|a| a.starts_with("chrono_lstm.hidden_size"));
    let given = given.unwrap();
    args.drain(given - 1..=given);
    args.extend(["--params".into(), "30000".into()]);
    let text = run(&args);
    assert!(text.contains("a step takes"), "{text}");
    let found = result(&out);
    assert_eq!(models(&found, "results"), ["chrono-lstm", "tcn"]);
    for entry in found["results"].as_array().unwrap() {
        let parameters = entry["trained_parameters"].as_f64().unwrap();
        assert!((parameters - 30_000.0).abs() < 3000.0, "{parameters}");
        // how many steps go into the time depends on the machine; that the time ends the run does not
        let run = &entry["runs"][0];
        assert!(run["steps"].as_u64().unwrap() >= 1, "{entry}");
        let folder = run_of(&out, entry["model"].as_str().unwrap());
        let recipe = std::fs::read_to_string(folder.join("recipe.toml")).unwrap();
        assert!(recipe.contains("\nminutes = 0.05 "), "{recipe}");
        assert!(recipe.contains("\nsteps = 0 "), "{recipe}");
    }
}

#[cfg(unix)]
#[test]
fn a_stopped_comparison_reports_what_is_finished_and_goes_on() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    let child = Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(arguments(
            folder.path(),
            &out,
            "elm,lif,chrono-lstm",
            ["--steps", "200"],
        ))
        .args(["--set", "train.log_every=1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    let steps = || std::fs::read_to_string(run_of(&out, "lif").join("metrics.jsonl"));
    while steps().unwrap_or_default().lines().count() < 3 && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("elm compare --resume"), "{text}");
    let stopped = result(&out);
    assert_eq!(models(&stopped, "results"), ["elm"]);
    assert_eq!(models(&stopped, "missing"), ["lif", "chrono-lstm"]);
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("not finished") && report.contains("not begun"));
    let text = stdout(&[
        "compare",
        "--resume",
        out.to_str().unwrap(),
        "--device",
        "cpu",
    ]);
    assert!(!text.contains("kind-elm: valid_loss"), "{text}");
    let finished = result(&out);
    assert_eq!(models(&finished, "results"), ["elm", "lif", "chrono-lstm"]);
    assert_eq!(finished["missing"].as_array().unwrap().len(), 0);
    for entry in finished["results"].as_array().unwrap() {
        assert_eq!(entry["runs"][0]["steps"], 200);
    }
}

#[test]
fn a_model_that_fails_is_told_and_the_others_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    run(&arguments(folder.path(), &out, "elm,lif", ["--steps", "8"]));
    // a run that was stopped and spoilt since
    let lif = run_of(&out, "lif");
    let record = std::fs::read_to_string(lif.join("run.json")).unwrap();
    let stopped = record.replace("\"finished\"", "\"stopped\"");
    std::fs::write(lif.join("run.json"), stopped).unwrap();
    std::fs::write(lif.join("recipe.toml"), "[lif]\nneurons = 3\n").unwrap();
    let (code, error) = failure(&[
        "compare",
        "--resume",
        out.to_str().unwrap(),
        "--device",
        "cpu",
    ]);
    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("kind-lif failed") && error.contains("recipe.toml"),
        "{error}"
    );
    let found = result(&out);
    assert_eq!(models(&found, "results"), ["elm"]);
    assert_eq!(models(&found, "missing"), ["lif"]);
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("kind-lif: failed") && report.contains("ELM neuron, 4 memory units"));
}

#[test]
fn wrong_comparisons_are_told_in_one_line_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    let name = out.to_str().unwrap();
    for (args, words) in [
        (&["--steps", "5"][..], "give --task or --recipe"),
        (&["--recipe", "spikes"], "--steps N or --minutes M"),
        (
            &["--recipe", "spikes", "--steps", "5", "--models", "elm,lmst"],
            "unknown model `lmst`",
        ),
        (
            &["--recipe", "spikes", "--steps", "5", "--models", "elm,elm"],
            "twice",
        ),
        (&["--recipe", "spikes", "--steps", "0"], "--steps must be"),
        (
            &["--recipe", "spikes", "--minutes", "-1"],
            "--minutes must be",
        ),
        (&["--task", "spike", "--steps", "5"], "unknown task `spike`"),
        (
            &["--recipe", "spike", "--steps", "5"],
            "did you mean `spikes`",
        ),
        (&["--task", "listops", "--steps", "5"], "data.dir"),
        (
            &["--task", "pathx", "--steps", "5", "--set", "data.dir=x"],
            "attention over 16384 steps",
        ),
        (
            &["--recipe", "spikes", "--steps", "5", "--set", "tcn.width=3"],
            "no use in the model",
        ),
        (
            &[
                "--recipe",
                "spikes",
                "--steps",
                "5",
                "--set",
                "train.epochs=3",
            ],
            "--steps 5 gives train.epochs, which --set train.epochs=3",
        ),
        (
            &["--recipe", "spikes", "--steps", "5", "--rates", "0.1,-1"],
            "train.learning_rate",
        ),
        (
            &["--recipe", "spikes", "--steps", "5", "--jobs", "0"],
            "--jobs",
        ),
        (&["--status"], "--resume DIR"),
    ] {
        let mut all = vec!["compare", "--out", name];
        all.extend(args);
        let (code, error) = failure(&all);
        assert_eq!((code, error.lines().count()), (2, 1), "{error}");
        assert!(error.contains(words), "`{words}` is missing in: {error}");
        assert!(!out.exists(), "{args:?} left a folder");
    }
    let (code, error) = failure(&["compare", "--resume", folder.path().to_str().unwrap()]);
    assert!(code == 2 && error.contains("plan.json"), "{error}");
}
