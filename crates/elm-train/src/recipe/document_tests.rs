#![allow(clippy::unwrap_used)]
use super::*;
use crate::model::ModelKind;
use crate::recipe::DataSource;
use elm_data::Task;

fn set_error(assignment: &str) -> String {
    Recipe::default().set(assignment).unwrap_err().to_string()
}

fn file_error(text: &str) -> String {
    Recipe::from_toml(text, "my.toml").unwrap_err().to_string()
}

#[test]
fn toml_round_trip_with_awkward_paths() {
    let mut recipe = Recipe::default();
    recipe.data.train = DataSource::Paths(vec!["a \"b\"\n#c".into(), "d\\e".into()]);
    recipe.data.test = DataSource::Shipped;
    recipe.train.learning_rate = 1e-7;
    let text = recipe.to_toml();
    assert_eq!(Recipe::from_toml(&text, "text").unwrap(), recipe, "{text}");
}

#[test]
fn set_parses_toml_and_falls_back_to_text() {
    let mut recipe = Recipe::default();
    recipe.set("train.epochs=3").unwrap();
    recipe.set("model.activation = silu").unwrap();
    recipe.set("train.clip_norm=1").unwrap();
    recipe.set(r#"data.train=["a", 'b']"#).unwrap();
    recipe.set("data.test=shipped").unwrap();
    recipe.set("data.valid=folder/one file.npz").unwrap();
    assert_eq!(
        recipe.data.valid,
        DataSource::Paths(vec!["folder/one file.npz".into()])
    );
    assert_eq!(recipe.train.epochs, 3);
    assert_eq!(recipe.model.activation, elm_model::HiddenActivation::Silu);
    assert_eq!(recipe.train.clip_norm, 1.0);
    assert_eq!(
        recipe.data.train,
        DataSource::Paths(vec!["a".into(), "b".into()])
    );
    assert_eq!(recipe.data.test, DataSource::Shipped);
}

#[test]
fn a_failed_set_changes_nothing() {
    let mut recipe = Recipe::default();
    assert!(recipe.set("train.epochs=many").is_err());
    assert_eq!(recipe, Recipe::default());
}

#[test]
fn unknown_keys_name_the_nearest() {
    for (assignment, nearest) in [
        ("train.epoch=3", "train.epochs"),
        ("epochs=3", "train.epochs"),
        ("model.learning_rate=1", "train.learning_rate"),
        ("train.lerning_rate=1", "train.learning_rate"),
        ("model.num_memroy=3", "model.num_memory"),
        ("data.tset=3", "data.test"),
    ] {
        let error = set_error(assignment);
        assert!(
            error.contains(&format!("did you mean `{nearest}`?")),
            "{error}"
        );
    }
    assert!(set_error("zzz=1").contains("`elm recipes`"));
    let error = file_error("[trian]\nepochs = 3\n");
    assert_eq!(
        error,
        "my.toml, line 1: unknown recipe key `trian`, did you mean `train`?"
    );
}

#[test]
fn type_errors_name_the_key() {
    assert_eq!(
        file_error("[train]\nepochs = \"x\"\n"),
        "my.toml, line 2: `train.epochs` must be a whole number of at least 1, found \"x\""
    );
    assert_eq!(
        set_error("train.epochs=-1"),
        "--set: `train.epochs` must be a whole number of at least 1, found -1"
    );
    assert_eq!(
        set_error("train.learning_rate=fast"),
        "--set: `train.learning_rate` must be a number above 0 and at most 1, found \"fast\""
    );
    assert_eq!(
        set_error("model.version=v3"),
        "--set: `model.version` must be `v1` or `v2`, found \"v3\""
    );
    assert_eq!(
        set_error("model.version=3"),
        "--set: `model.version` must be `v1` or `v2`, found 3"
    );
    assert!(set_error("train=3").contains("such as `train.epochs`"));
    assert_eq!(
        file_error("[train.epoch]\nx = 1\n"),
        "my.toml, line 1: unknown recipe key `train.epoch`, did you mean `train.epochs`?"
    );
    for wrong in ["data.train=", "data.train=[a.npz]", "data.train=[3]"] {
        let error = set_error(wrong);
        assert!(
            error.contains("a quoted path, or a list of them such as [\"folder\"]"),
            "{error}"
        );
    }
    assert!(file_error("[data]\ntrain = 3\n").contains("line 2"));
    assert!(set_error("model.learn_memory_tau=1").contains("must be true or false"));
    assert!(file_error("train = 3").contains("`train` must be a table `[train]`, found integer"));
}

#[test]
fn a_task_has_its_own_keys() {
    let error = file_error("task = \"shd\"\n[train]\nwindow_ms = 500\n");
    assert_eq!(
        error,
        "my.toml, line 3: `train.window_ms` has no use in the task shd"
    );
    let error = set_error("data.dir=folder");
    assert!(error.contains("no use in the task neuronio"), "{error}");
    let error = set_error("task=shd");
    assert!(error.contains("start from a recipe"), "{error}");
    assert!(set_error("task=sdh").contains("shd-adding"));
    let mut recipe = Recipe::from_toml("task = \"shd\"", "text").unwrap();
    assert_eq!(recipe, Recipe::of(Task::SHD));
    recipe.set("task=shd-adding").unwrap();
    assert_eq!(recipe.task, Task::SHD_ADDING);
    let text = recipe.to_toml();
    assert!(
        !text.contains("soma") && text.contains("label_smoothing"),
        "{text}"
    );
    assert_eq!(Recipe::from_toml(&text, "text").unwrap(), recipe);
}

#[test]
fn a_model_has_its_own_keys() {
    let error = set_error("network.num_memory=3");
    assert_eq!(
        error,
        "--set: `network.num_memory` has no use in the model elm"
    );
    assert!(set_error("model.kind=lstm").contains("must be `elm`, `network`"));
    assert!(set_error("model.kind=3").contains("chrono-lstm"));
    let mut recipe = Recipe::builtin("spikes").unwrap();
    recipe.set("model.kind=lif").unwrap();
    assert_eq!(
        recipe,
        Recipe::builtin("spikes")
            .unwrap()
            .with_model(ModelKind::Lif)
    );
    let error = recipe.set("model.num_memory=3").unwrap_err().to_string();
    assert!(error.ends_with("has no use in the model lif"), "{error}");
    recipe.set("lif.adaptation=none").unwrap();
    recipe.set("model.dt=5").unwrap();
    let text = recipe.to_toml();
    assert!(
        text.contains("[lif]") && !text.contains("num_memory") && !text.contains("[tcn]"),
        "{text}"
    );
    // the sizes of a model that is not trained are left out
    let again = Recipe::from_toml(&text, "text").unwrap();
    assert_eq!(again.model_config(), recipe.model_config());
    assert_eq!((again.to_toml(), again.train), (text, recipe.train));
}

#[test]
fn every_model_of_every_task_survives_toml() {
    for &task in Task::ALL {
        for kind in ModelKind::ALL {
            let mut recipe = Recipe::of(task).with_model(kind);
            if kind == ModelKind::Network {
                recipe
                    .set("network.regularisers=[{target='population_activity', layers=[0], strength=0.2}]")
                    .unwrap();
                recipe.set("network.hidden_neurons=[5, 3]").unwrap();
            }
            let text = recipe.to_toml();
            let again = Recipe::from_toml(&text, "text").unwrap();
            assert_eq!(again, recipe, "{text}");
            let back = recipe.with_model(ModelKind::Elm);
            assert_eq!(
                back.train.learning_rate,
                Recipe::of(task).train.learning_rate
            );
        }
    }
}

#[test]
fn syntax_errors_name_file_and_line() {
    let error = file_error("seed = 1\n[train\nepochs = 3\n");
    assert!(
        error.starts_with("my.toml, line 2: not a TOML recipe: "),
        "{error}"
    );
    assert!(!error.contains('\n'), "{error}");
    assert!(set_error("train.epochs").contains("expected key=value"));
}

#[test]
fn load_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    let error = Recipe::load(&missing).unwrap_err().to_string();
    assert!(
        error.contains("none.toml: cannot read the recipe"),
        "{error}"
    );
    let file = folder.path().join("mine.toml");
    fs::write(&file, "seed = 5\ntrain.epochs = 2\n").unwrap();
    let recipe = Recipe::load(&file).unwrap();
    assert_eq!((recipe.seed, recipe.train.epochs), (5, 2));
    assert!(Recipe::load(folder.path()).is_err());
}

#[test]
fn every_key_can_be_read_back() {
    // values that none of the recipes has, so that nothing is lost on the way
    let mut recipe = Recipe::builtin("spikes")
        .unwrap()
        .with_model(ModelKind::Network);
    for set in [
        "network.high_pass_tau=off",
        "network.tau_range_scale=3",
        "network.first={num_memory=4}",
        "network.wiring={small_world={rewire=0.1}}",
        "data.bin_value=binary",
        "data.dir=2024",
        "train.readout=mean",
        "checkpoint.every_steps=7",
    ] {
        recipe.set(set).unwrap();
    }
    assert_eq!(recipe.data.dir.as_deref(), Some(Path::new("2024")));
    // the neuron's sizes, which this model has no use for, are left out
    let text = recipe.to_toml();
    let again = Recipe::from_toml(&text, "text").unwrap();
    assert_eq!((again.to_toml(), &again.network), (text, &recipe.network));
    assert_eq!(
        recipe.differences(&Recipe::builtin("spikes").unwrap())["checkpoint.every_steps"][0],
        "7"
    );
    let mut own = Recipe::of(Task::ARRAYS);
    for set in [
        "arrays.events={unit='ms', bin_ms=5}",
        "arrays.keys={y='label'}",
        "arrays.split={by='order', valid=0.2, test=0.1}",
        "arrays.normalize=min-max",
        "data.train=['a']",
    ] {
        own.set(set).unwrap();
    }
    assert_eq!(
        (own.dt(), own.arrays.reading.keys.y.as_str()),
        (5.0, "label")
    );
    assert_eq!(Recipe::from_toml(&own.to_toml(), "text").unwrap(), own);
}

#[test]
fn nested_values_are_named_where_they_are_wrong() {
    for (assignment, words) in [
        ("arrays.keys={z='a'}", "has no `z`"),
        ("arrays.split={by='order', valid=0.2}", "lacks `test`"),
        ("arrays.window=1", "at least 2"),
        (
            "arrays.events={unit='h', bin_ms=1}",
            "`unit`, which must be `s`, `seconds`",
        ),
    ] {
        let error = Recipe::of(Task::ARRAYS)
            .set(assignment)
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}
