//! Evaluation, prediction and streams.

use super::*;

#[test]
fn a_classifier_is_evaluated_and_predicted_with() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, set) = spikes(folder.path());
    for kind in ["elm", "network", "chrono-lstm", "transformer", "tcn", "lif"] {
        let more = [
            "--set",
            &set,
            "--model",
            kind,
            "--set",
            "train.readout=mean",
        ];
        let run = train("spikes", folder.path(), kind, &more);
        let model = run.join("model.safetensors");
        let model = model.to_str().unwrap();
        let test = read_json(&run.join("test.json"));
        let pictures = folder.path().join(format!("pictures of {kind}"));
        // the same numbers as the training's own test
        let result = json(&stdout(&[
            "eval",
            model,
            "--data",
            &dir,
            "--json",
            "--device",
            "cpu",
            "--pictures",
            pictures.to_str().unwrap(),
        ]));
        let drawn = std::fs::read_dir(&pictures).unwrap().count();
        // one sample rightly answered, one not, as far as there are such; the end of a Transformer's sequence is no end
        assert_eq!(drawn > 0, kind != "transformer", "{kind}");
        assert_eq!(pictures.join("timescales.svg").is_file(), kind == "elm");
        assert_eq!(result["task"], "synthetic-spikes");
        assert_eq!(result["samples"], 21);
        assert_eq!(result["confusion"], test["details"]["confusion"], "{kind}");
        let loss = result["metrics"]["cross_entropy_nats"].as_f64().unwrap();
        close(loss, test["details"]["loss"].as_f64().unwrap(), kind);
        // and each answer
        let text = stdout(&["predict", model, "--data", &dir, "--device", "cpu"]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 22, "{text}");
        assert!(lines[0].starts_with("sample,predicted,p("), "{}", lines[0]);
        for line in &lines[1..] {
            let p: f64 = line
                .split(',')
                .skip(2)
                .map(|v| v.parse::<f64>().unwrap())
                .sum();
            close(p, 1.0, line);
        }
        let info = json(&stdout(&["info", model, "--json"]));
        assert_eq!(info["model"], kind);
        assert_eq!(info["format"], 2);
        assert_eq!(info["task"]["name"], "synthetic-spikes");
        assert_eq!(info["task"]["step_ms"], 10.0);
        let classes = info["task"]["output"]["meaning"]["classes"]
            .as_array()
            .unwrap();
        assert_eq!(classes.len(), 20);
    }
    let model = folder.path().join("elm/model.safetensors");
    let text = stdout(&["info", model.to_str().unwrap()]);
    for part in [
        "synthetic-spikes",
        "mean over the steps",
        "20 classes",
        "form 2",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn pairs_are_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("retrieval");
    std::fs::create_dir(&dir).unwrap();
    let lines: String = (0..12)
        .map(|i| format!("{}\t{i}\t{i}\tthe first {i}\tand the second {i}\n", i % 2))
        .collect();
    for part in ["train", "eval", "test"] {
        std::fs::write(dir.join(format!("new_aan_pairs.{part}.tsv")), &lines).unwrap();
    }
    let set = format!("data.dir={}", dir.display());
    let run = train(
        "retrieval",
        folder.path(),
        "run",
        &["--set", &set, "--set", "model.num_memory=4"],
    );
    // the file alone, elsewhere
    let model = folder.path().join("elsewhere.safetensors");
    std::fs::copy(run.join("model.safetensors"), &model).unwrap();
    let (model, dir) = (model.to_str().unwrap(), dir.to_str().unwrap());
    let result = json(&stdout(&[
        "eval", model, "--data", dir, "--json", "--device", "cpu",
    ]));
    let test = read_json(&run.join("test.json"));
    assert_eq!(result["confusion"], test["details"]["confusion"]);
    let loss = result["metrics"]["cross_entropy_nats"].as_f64().unwrap();
    close(loss, test["details"]["loss"].as_f64().unwrap(), "loss");
    let (_, error) = failure(&["predict", model, "--stream"]);
    assert!(error.contains("two whole sequences"), "{error}");
}

#[test]
fn neuronio_is_predicted_as_it_is_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let model = shipped_weights("num_memory_5");
    let out = folder.path().join("p.npz");
    let out = out.to_str().unwrap();
    let text = stdout(&["predict", &model, "--out", out, "--device", "cpu"]);
    assert!(text.contains("8 simulations"), "{text}");
    let lines = stdout(&["predict", &model, "--format", "jsonl", "--device", "cpu"]);
    let first = json(lines.lines().next().unwrap());
    let soma = first["soma (mV)"].as_array().unwrap();
    assert_eq!(soma.len(), 6000);
    let at = |i: usize| soma[i].as_f64().unwrap();
    assert!((500..6000).all(|i| (-100.0..20.0).contains(&at(i))), "mV");
    let p = first["spike probability"].as_array().unwrap();
    assert!(p.iter().all(|p| (0.0..=1.0).contains(&p.as_f64().unwrap())));
}

/// A small neuron with a card for 3 channels and the names of two classes.
fn small_model(folder: &Path, readout: &str) -> String {
    use burn::tensor::Device;
    use elm_model::{ElmNeuronConfig, NeuronForm};
    use elm_train::model::{self, ModelCard, ModelConfig};
    let device = Device::flex();
    device.seed(1);
    let form = NeuronForm::v2().with_num_memory(4);
    let config = ModelConfig::Elm(ElmNeuronConfig::new(3, 2).with_neuron(form));
    let body = config.init(&device).unwrap();
    let task = serde_json::from_value(serde_json::json!({
        "name": "mine",
        "step_ms": 1.0,
        "input": {"arrays": {
            "inputs": {"values": {"channels": 3}},
            "normalisation": {"kind": "standardize", "offset": [1.0, 0.0, -1.0], "scale": [2.0, 1.0, 0.5]},
            "options": {},
        }},
        "output": {"readout": readout, "meaning": {"classes": ["left", "right"]}},
    }))
    .unwrap();
    let path = folder.join(format!("{readout}.safetensors"));
    let card = ModelCard::new(config, Some(task));
    model::save(&body, None, &card, &path).unwrap();
    path.to_str().unwrap().to_string()
}

/// Ten steps of three channels.
fn steps() -> Vec<[f32; 3]> {
    (0..10)
        .map(|t| [t as f32 * 0.3, (t % 3) as f32, -0.5 * t as f32])
        .collect()
}

#[test]
fn arrays_streams_and_standard_input_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for readout in ["every-step", "last", "mean"] {
        let model = small_model(folder.path(), readout);
        let lines: Vec<String> = steps()
            .iter()
            .map(|row| row.map(|v| v.to_string()).join(" "))
            .collect();
        let (text, report) = piped_ok(&["predict", &model, "--stream"], &lines.join("\n"));
        assert!(
            report.contains("10 steps") && report.contains("us a step"),
            "{report}"
        );
        let streamed: Vec<Vec<f64>> = text
            .lines()
            .map(|line| line.split(',').map(|v| v.parse().unwrap()).collect())
            .collect();
        assert_eq!(streamed.len(), 10);
        // the same as a table, from a file and from standard input
        let table: String = steps()
            .iter()
            .map(|row| format!("{}\n", row.map(|v| v.to_string()).join(",")))
            .collect();
        let table = format!("a,b,c\n{table}");
        let path = folder.path().join("x.csv");
        std::fs::write(&path, &table).unwrap();
        let path = path.to_str().unwrap();
        let whole = stdout(&["predict", &model, "--data", path, "--device", "cpu"]);
        let (again, _) = piped_ok(
            &["predict", &model, "--data", "-", "--device", "cpu"],
            &table,
        );
        assert_eq!(whole, again);
        let numbers = |line: &str| -> Vec<f64> {
            let cells: Vec<&str> = line.split(',').collect();
            cells[cells.len() - 2..]
                .iter()
                .map(|v| v.parse().unwrap())
                .collect()
        };
        let rows: Vec<Vec<f64>> = whole.lines().skip(1).map(numbers).collect();
        let expected = match readout {
            "every-step" => streamed,
            _ => vec![streamed[9].clone()],
        };
        assert_eq!(rows.len(), expected.len(), "{whole}");
        for (row, expected) in rows.iter().flatten().zip(expected.iter().flatten()) {
            close(*row, *expected, readout);
        }
    }
}

#[test]
fn lines_of_a_stream_that_are_wrong_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = small_model(folder.path(), "last");
    let events = piped_ok(&["predict", &model, "--stream"], "0:1 2:-0.5\n\n1:1\n").0;
    assert_eq!(events.lines().count(), 3);
    for (input, says) in [
        ("1 2 3\n1 2\n", "line 2: expected 3 numbers"),
        ("3:1\n", "line 1: channel 3"),
        ("1 2 inf\n", "found `inf`"),
    ] {
        let output = piped(&["predict", &model, "--stream"], input);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn what_is_true_of_arrays_evaluates() {
    let folder = tempfile::tempdir().unwrap();
    let model = small_model(folder.path(), "last");
    let path = folder.path().join("x.csv");
    let mut table = "sample,a,b,c,y\n".to_string();
    for sample in 0..4 {
        for row in steps() {
            let label = ["left", "right"][sample % 2];
            table += &format!("{sample},{},{},{sample},{label}\n", row[0], row[1]);
        }
    }
    std::fs::write(&path, &table).unwrap();
    let path = path.to_str().unwrap();
    let result = json(&stdout(&[
        "eval", &model, "--data", path, "--json", "--device", "cpu",
    ]));
    assert_eq!(
        (&result["samples"], &result["task"]),
        (&4.into(), &"mine".into())
    );
    let confusion = result["confusion"].as_array().unwrap();
    let count = |row: &Value| {
        row.as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(confusion.iter().map(count).collect::<Vec<_>>(), [2, 2]);
    // channels that do not fit, classes that are not known, nothing to evaluate by
    let refuse = |table: &str, says: &str| {
        std::fs::write(path, table).unwrap();
        let (code, error) = failure(&["eval", &model, "--data", path]);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(says) && error.contains("x.csv"), "{error}");
    };
    refuse("a,b\n1,2\n1,2\n", "expected 3 channels");
    refuse(&table.replace("left", "up"), "up");
    refuse("a,b,c\n1,2,3\n1,2,3\n", "nothing to evaluate by");
}
