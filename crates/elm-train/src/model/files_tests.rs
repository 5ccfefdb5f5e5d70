#![allow(clippy::unwrap_used)]
use std::path::Path;

use burn::tensor::{Device, Distribution, Tensor};
use elm_data::Task;
use proptest::prelude::*;

use super::*;
use crate::model::ModelKind;
use crate::model::card::{
    InputCard, Link, Meaning, OutputCard, OutputValue, ReadoutCard, TaskCard,
};
use crate::recipe::Recipe;

/// Small models of every kind, with a network and a single neuron of its form.
fn models(device: &Device) -> Vec<SequenceToSequence> {
    let mut models: Vec<_> = ModelKind::ALL
        .into_iter()
        .map(|kind| {
            let recipe = Recipe::of(Task::LISTOPS).with_model(kind).sized(4000);
            recipe.model_config().init(device).unwrap()
        })
        .collect();
    let single = Recipe::of(Task::NEURONIO).with_model(ModelKind::Network);
    models.push(single.sized(6000).model_config().init(device).unwrap());
    models
}

/// A card that says something of everything.
fn card(model: &SequenceToSequence) -> ModelCard {
    let value = OutputValue {
        name: "soma".into(),
        unit: "mV".into(),
        link: Link::Identity,
        scale: 0.1 + 0.2,
        offset: -67.7,
    };
    let task = TaskCard {
        name: "neuronio".into(),
        about: "ümläute, too".into(),
        step_ms: Some(1.0),
        input: InputCard::Simulations,
        output: OutputCard {
            readout: ReadoutCard::EveryStep,
            next: false,
            meaning: Meaning::Values(vec![value]),
        },
    };
    ModelCard::new(model.config(), Some(task))
}

#[test]
fn what_is_written_is_read() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for model in models(&device) {
        let card = card(&model);
        save(&model, None, &card, &path).unwrap();
        let again = load(&path, &device).unwrap();
        assert_eq!(again.card, card);
        assert_eq!(stored(&path).unwrap(), Some(card));
        assert!(again.head.is_none());
        let again = again.model;
        assert_eq!(again.config(), model.config());
        assert_eq!(again.num_trained(), model.num_trained());
        let (inputs, _) = model.config().sizes();
        let x = Tensor::random([2, 9, inputs], Distribution::Default, &device);
        let values = |model: &SequenceToSequence| {
            model
                .forward(x.clone())
                .into_data()
                .try_to_vec::<f32>()
                .unwrap()
        };
        let (a, b) = (values(&model), values(&again));
        assert_eq!(a, b, "{:?}", model.config().kind());
        // some baselines start at an output of 0
        assert!(a.iter().all(|v| v.is_finite()));
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

#[test]
fn a_head_is_in_the_file_of_any_model() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for model in models(&device) {
        let (_, outputs) = model.config().sizes();
        let head = PairHead::new(outputs, 2, &device);
        let mut card = card(&model);
        let task = card.task.as_mut().unwrap();
        task.output.meaning = Meaning::Classes(vec!["a".into(), "b".into()]);
        save(&model, Some(&head), &card, &path).unwrap();
        let again = load(&path, &device).unwrap().head.unwrap();
        let u = Tensor::random([3, outputs], Distribution::Default, &device);
        let v = Tensor::random([3, outputs], Distribution::Default, &device);
        let logits = |head: &PairHead| {
            let y = head.forward(u.clone(), v.clone());
            y.into_data().try_to_vec::<f32>().unwrap()
        };
        assert_eq!(logits(&head), logits(&again));
        // what reads neurons alone reads past it
        if let SequenceToSequence::Elm(_) = model {
            elm_model::weights::load_neuron(&path, None, &device).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            elm_model::elm_stream::file::from_safetensors(&bytes).unwrap();
        }
    }
}

#[test]
fn the_count_is_that_of_the_module() {
    use burn::module::{Module, ModuleVisitor, Param};
    struct Trained(usize);
    impl ModuleVisitor for Trained {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                self.0 += param.val().shape().num_elements();
            }
        }
    }
    for model in models(&Device::flex().autodiff()) {
        let config = model.config();
        assert_eq!(config.num_trained(), model.num_trained());
        let mut trained = Trained(0);
        model.visit(&mut trained);
        assert_eq!(trained.0, model.num_trained(), "{:?}", config.kind());
    }
}

#[test]
fn a_file_whose_tensors_do_not_fit_is_told() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let small = Recipe::of(Task::LISTOPS).with_model(ModelKind::Tcn);
    let mut config = small.model_config();
    let model = config.init(&device).unwrap();
    if let ModelConfig::Tcn(config) = &mut config {
        config.width += 1;
    }
    save(&model, None, &ModelCard::new(config, None), &path).unwrap();
    let error = load(&path, &device).unwrap_err().to_string();
    assert!(
        error.contains("model.safetensors: cannot read it"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    std::fs::write(&path, "x").unwrap();
    assert!(load(&path, &device).is_err());
}

/// A baseline as files of form 1 had it: its tensors, and its configuration under `elm_model`.
#[test]
fn a_baseline_of_form_1_is_read() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let config = Recipe::of(Task::LISTOPS)
        .with_model(ModelKind::Lif)
        .sized(4000)
        .model_config();
    let model = config.init(&device).unwrap();
    let text = serde_json::to_string(&config).unwrap();
    let mut store = SafetensorsStore::from_file(&path).metadata(CONFIG_KEY, text);
    model.save_into(&mut store).unwrap();
    let file = load(&path, &device).unwrap();
    assert_eq!((file.card.format, &file.card.config), (1, &config));
    assert_eq!(file.model.num_trained(), model.num_trained());
}

#[test]
fn newer_forms_and_halves_of_a_card_are_told() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let model = &models(&device)[0];
    let error = |change: &dyn Fn(&mut StateDict)| {
        let mut dict = state_dict(model, None, &card(model)).unwrap();
        change(&mut dict);
        dict.save_safetensors(&path).unwrap();
        let error = load(&path, &device).unwrap_err().to_string();
        assert!(error.contains("model.safetensors: "), "{error}");
        error
    };
    let newer = error(&|dict| {
        let text = dict.metadata[CARD_KEY].replace("\"format\":2", "\"format\":7");
        dict.metadata.insert(CARD_KEY.into(), text);
        let sum = checksum(dict);
        dict.metadata.insert(CHECKSUM_KEY.into(), sum);
    });
    assert!(newer.contains("newer elm"), "{newer}");
    for key in [CARD_KEY, CHECKSUM_KEY] {
        let half = error(&|dict| drop(dict.metadata.remove(key)));
        assert!(half.contains("without the other"), "{half}");
    }
    let changed = error(&|dict| {
        let tensor = dict.tensors.get_mut("w_y.bias").unwrap();
        tensor.values[0] += 1.0;
    });
    assert!(changed.contains("its checksum should be"), "{changed}");
    let not_a_number = error(&|dict| {
        let tensor = dict.tensors.get_mut("w_y.bias").unwrap();
        tensor.values[0] = f64::NAN;
        let sum = checksum(dict);
        dict.metadata.insert(CHECKSUM_KEY.into(), sum);
    });
    assert!(
        not_a_number.contains("`w_y.bias`[0] is NaN"),
        "{not_a_number}"
    );
}

/// The bytes of a small model file.
fn small_file() -> (Vec<u8>, ModelCard) {
    let device = Device::flex();
    let config = Recipe::of(Task::LISTOPS)
        .with_model(ModelKind::Elm)
        .sized(300)
        .model_config();
    let model = config.init(&device).unwrap();
    let card = card(&model);
    let dict = state_dict(&model, None, &card).unwrap();
    (dict.to_safetensors().unwrap(), card)
}

fn read(bytes: &[u8], path: &Path) -> Result<ModelFile> {
    std::fs::write(path, bytes).unwrap();
    load(path, &Device::flex())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One flipped bit is an error, or changed nothing that is read.
    #[test]
    fn a_flipped_bit_is_found(place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let (mut bytes, card) = small_file();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(file) = read(&bytes, &path) {
            prop_assert_eq!(file.card, card, "byte {}, bit {}", place, bit);
            let (whole, _) = small_file();
            let tensors = |bytes: &[u8]| StateDict::from_safetensors("m", bytes).unwrap().tensors;
            prop_assert_eq!(tensors(&bytes).len(), tensors(&whole).len());
        }
    }

    /// A file that was cut short is an error of one line that names it.
    #[test]
    fn a_cut_file_is_told(place in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let (bytes, _) = small_file();
        let end = place.index(bytes.len());
        let error = read(&bytes[..end], &path).unwrap_err().to_string();
        prop_assert!(error.contains("/m: "), "{}", error);
        prop_assert_eq!(error.lines().count(), 1, "{}", error);
    }
}
