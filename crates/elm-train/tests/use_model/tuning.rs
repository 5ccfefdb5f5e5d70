//! Models that are trained further.

use super::*;

#[test]
fn a_model_is_trained_further_and_parts_of_it_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (_, set) = spikes(folder.path());
    let memory = ["--set", &set, "--set", "model.num_memory=4"];
    let first = train("spikes", folder.path(), "first", &memory);
    let model = first.join("model.safetensors");
    let model = model.to_str().unwrap();
    // with the sizes of that model
    let mut more = memory[..2].to_vec();
    more.extend([
        "--init-from",
        model,
        "--freeze",
        "mlp",
        "--freeze",
        "*proto_weight",
    ]);
    let second = train("spikes", folder.path(), "second", &more);
    let tensors = |run: &Path| {
        let path = run.join("model.safetensors");
        elm_model::weights::StateDict::read(path).unwrap().tensors
    };
    let (a, b) = (tensors(&first), tensors(&second));
    for (name, tensor) in &a {
        let same = tensor == &b[name];
        let frozen = name.starts_with("mlp") || name == "_proto_w_s";
        let trained = name.starts_with("w_y");
        assert_eq!(same, frozen || !trained, "{name}");
    }
    // gone on with, they stay as well
    let text = stdout(&[
        "train",
        "--resume",
        second.to_str().unwrap(),
        "--set",
        "train.epochs=2",
        "--device",
        "cpu",
    ]);
    assert!(text.contains("frozen: "), "{text}");
    let c = tensors(&second);
    assert_eq!(c["mlp.network.0.weight"], a["mlp.network.0.weight"]);
    // another task, with other outputs: the rest is taken
    let adding = train(
        "spikes-adding",
        folder.path(),
        "adding",
        &[
            &memory[..2],
            &[
                "--init-from",
                model,
                "--set",
                "data.valid_samples=4",
                "--set",
                "data.test_samples=4",
                "--freeze",
                "mlp",
            ],
        ]
        .concat(),
    );
    let d = tensors(&adding);
    assert_eq!(d["mlp.network.0.weight"], a["mlp.network.0.weight"]);
    assert_ne!(d["w_y.weight"].shape, a["w_y.weight"].shape);
    // a pattern that stands for nothing lists what there is
    let refuse = |args: &[&str], says: &[&str]| {
        let out = folder.path().join("no");
        let mut all = vec![
            "train", "--recipe", "spikes", "--device", "cpu", "--set", &set,
        ];
        all.extend(["--out", out.to_str().unwrap()]);
        all.extend(args);
        let (code, error) = failure(&all);
        assert_eq!(code, 2, "{error}");
        assert!(says.iter().all(|s| error.contains(s)), "{error}");
        assert!(!out.exists());
    };
    refuse(&["--freeze", "layerz"], &["layerz", "readout.weight"]);
    refuse(&["--freeze", "*"], &["nothing is left to train"]);
    refuse(
        &["--init-from", model, "--set", "model.num_memory=5"],
        &["first", "num_memory is 4", "5"],
    );
    refuse(&["--init-from", "neuronio"], &["neuronio-m20"]);
    refuse(
        &["--init-from", model, "--model", "tcn"],
        &["kind elm", "--model elm"],
    );
}
