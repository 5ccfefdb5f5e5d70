//! Files from anywhere end in parts or in an error: no panic, and no memory that the file does not fill.
#![allow(clippy::unwrap_used)]

mod common;

use common::random::cases;
use common::{Tensor, Tensors, golden_files, write};
use elm_stream::NeuronForm;
use elm_stream::file::{Container, FileError, from_safetensors, from_safetensors_with};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(bytes: &[u8]) {
    for model in [
        from_safetensors(bytes),
        from_safetensors_with(bytes, NeuronForm::v1()),
    ]
    .into_iter()
    .flatten()
    {
        // what was read may still be no neuron, e.g. one without outputs
        if let Ok(mut stream) = model.stream() {
            let x = vec![1.0; stream.inputs()];
            let _ = stream.step(&x);
        }
    }
}

/// A header before some data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        data,
    ]
    .concat()
}

/// Small files of every kind that are good.
fn good_files() -> Vec<Vec<u8>> {
    let form = NeuronForm::v2()
        .with_num_memory(2)
        .with_num_branches(Some(2))
        .with_synapses_per_branch(Some(2))
        .with_hidden_size(Some(3));
    let floats = |shape: &[usize]| Tensor::floats(shape, &vec![0.5; shape.iter().product()]);
    let neuron: Tensors = [
        ("_proto_w_s", floats(&[4])),
        ("_proto_tau_m", floats(&[2])),
        ("tau_b", Tensor::floats(&[2], &[5.0; 2])),
        ("mlp.network.0.weight", floats(&[3, 4])),
        ("mlp.network.0.bias", floats(&[3])),
        ("mlp.network.2.weight", floats(&[2, 3])),
        ("mlp.network.2.bias", floats(&[2])),
        ("w_y.weight", floats(&[1, 2])),
        ("w_y.bias", floats(&[1])),
        (
            "input_to_synapse_indices",
            Tensor::integers(&[4], &[0, 2, 1, 3]),
        ),
        ("valid_indices_mask", Tensor::integers(&[4], &[1, 1, 0, 1])),
    ]
    .map(|(name, tensor)| (name.to_string(), tensor))
    .into();
    let layer: Tensors = [
        (
            "connectome",
            Tensor::integers(&[3, 4], &[0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4]),
        ),
        ("w_s", floats(&[3, 4])),
        ("mlp.0.weight", floats(&[3, 3, 4])),
        ("mlp.0.bias", floats(&[3, 3])),
        ("mlp.1.weight", floats(&[3, 2, 3])),
        ("mlp.1.bias", floats(&[3, 2])),
        ("w_y", floats(&[3, 2])),
        ("b", floats(&[3])),
        ("tau_m_proto", floats(&[3, 2])),
    ]
    .map(|(name, tensor)| (name.to_string(), tensor))
    .into();
    let network = layer
        .iter()
        .map(|(name, tensor)| (format!("layers.0.{name}"), tensor.clone()))
        .collect();
    vec![
        write(&neuron, None),
        write(
            &neuron,
            Some(
                &json!({"num_inputs": 4, "num_outputs": 1, "neuron": form, "routing": "neuronio"}),
            ),
        ),
        write(
            &layer,
            Some(&json!({"num_inputs": 4, "num_neurons": 3, "neuron": form})),
        ),
        write(
            &network,
            Some(&json!({"num_inputs": 4, "num_outputs": 3, "hidden_neurons": [], "neuron": form})),
        ),
    ]
}

#[test]
fn good_files_are_good() {
    for bytes in good_files() {
        let model = from_safetensors_with(&bytes, NeuronForm::v1()).unwrap();
        let y = model.stream().unwrap().step(&[1.0; 4]).unwrap().to_vec();
        assert!(y.iter().all(|y| y.is_finite()));
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
        // and as a header of the right length
        read(&[&(bytes.len() as u64).to_le_bytes()[..], &bytes].concat());
    }

    #[test]
    fn changed_files_do_not_panic(
        which in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(), cuts in 0u8..4,
    ) {
        let mut bytes = good_files()[which].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cuts == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        read(&bytes);
    }

    /// Other digits in the header: sizes, offsets and options that do not fit, with a header that stays valid JSON.
    #[test]
    fn changed_numbers_do_not_panic(
        which in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..10), 1..4),
    ) {
        let mut bytes = good_files()[which].clone();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let digits: Vec<usize> = (8..8 + length).filter(|at| bytes[*at].is_ascii_digit()).collect();
        for (at, digit) in changes {
            bytes[digits[at.index(digits.len())]] = b'0' + digit;
        }
        read(&bytes);
    }

    /// Any option of any configuration replaced by any number.
    #[test]
    fn changed_options_do_not_panic(
        which in 1usize..4, at in any::<prop::sample::Index>(),
        number in prop::sample::select(vec![
            json!(0), json!(-1), json!(3), json!(1e300), json!(u64::MAX), json!(1u64 << 40), json!(null), json!("relu"), json!([1, 2]),
        ]),
    ) {
        let bytes = good_files()[which].clone();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        let text = header["__metadata__"]["elm_config"].as_str().unwrap();
        let mut config: Value = serde_json::from_str(text).unwrap();
        let mut names: Vec<(bool, String)> = config.as_object().unwrap().keys().map(|k| (false, k.clone())).collect();
        names.extend(config["neuron"].as_object().unwrap().keys().map(|k| (true, k.clone())));
        let (inner, name) = &names[at.index(names.len())];
        match inner {
            true => config["neuron"][name] = number,
            false => config[name] = number,
        }
        header["__metadata__"]["elm_config"] = config.to_string().into();
        read(&file(&header.to_string(), &bytes[8 + length..]));
    }
}

#[test]
fn every_cut_of_a_golden_file_is_an_error() {
    let golden = golden_files("golden").remove(0);
    let bytes = write(&golden.params, None);
    for end in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
        assert!(
            matches!(
                Container::parse(&bytes[..end]),
                Err(FileError::Container { .. })
            ),
            "{end}"
        );
    }
}

#[test]
fn headers_that_lie_are_errors() {
    let tensor = |start: u64, end: u64| {
        format!(r#"{{"dtype":"F32","shape":[1],"data_offsets":[{start},{end}]}}"#)
    };
    let data = [0u8; 8];
    let cases = [
        (
            "overlap",
            format!(r#"{{"a":{},"b":{}}}"#, tensor(0, 4), tensor(0, 4)),
            "expected one from 4",
        ),
        (
            "overlap",
            format!(r#"{{"a":{},"b":{}}}"#, tensor(0, 4), tensor(2, 6)),
            "expected one from 4",
        ),
        (
            "gap",
            format!(r#"{{"a":{}}}"#, tensor(4, 8)),
            "expected one from 0",
        ),
        (
            "rest",
            format!(r#"{{"a":{}}}"#, tensor(0, 4)),
            "end at 4, but there are 8",
        ),
        (
            "past the end",
            format!(r#"{{"a":{},"b":{}}}"#, tensor(0, 4), tensor(4, 12)),
            "end at 12",
        ),
        (
            "backwards",
            format!(r#"{{"a":{},"b":{}}}"#, tensor(0, 8), tensor(8, 4)),
            "8..4",
        ),
        (
            "twins",
            format!(r#"{{"a":{},"a":{}}}"#, tensor(0, 4), tensor(4, 8)),
            "named twice",
        ),
        (
            "shape",
            r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#.into(),
            "does not have the 8 bytes",
        ),
        (
            "huge shape",
            r#"{"a":{"dtype":"F64","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}"#
                .into(),
            "8 bytes",
        ),
        (
            "format",
            r#"{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#.into(),
            "F8_E4M3",
        ),
        ("no JSON", "{".into(), "not valid"),
        (
            "negative",
            r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#.into(),
            "not valid",
        ),
        (
            "metadata",
            r#"{"__metadata__":{"a":"b"},"__metadata__":{}}"#.into(),
            "named twice",
        ),
    ];
    for (what, header, words) in cases {
        let error = Container::parse(&file(&header, &data))
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{what}: {error}");
    }
    let error = Container::parse(&u64::MAX.to_le_bytes())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("18446744073709551615 bytes, but only 0"),
        "{error}"
    );
}

#[test]
fn tensors_that_do_not_fit_are_listed() {
    let bytes = &good_files()[1];
    let text = String::from_utf8_lossy(bytes).into_owned();
    assert!(text.contains("tau_b"));
    let mut tensors = Tensors::new();
    tensors.insert("_proto_w_s".into(), Tensor::floats(&[3], &[0.0; 3]));
    tensors.insert("other".into(), Tensor::floats(&[1], &[0.0]));
    let form = NeuronForm::v1().with_num_memory(2);
    let config = json!({"num_inputs": 4, "num_outputs": 1, "neuron": form, "routing": "none"});
    let error = from_safetensors(&write(&tensors, Some(&config)))
        .unwrap_err()
        .to_string();
    for words in [
        "`_proto_w_s` has shape [3], expected [4]",
        "`_proto_tau_m` [2] is missing",
        "`other` is not known",
    ] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(from_safetensors(&good_files()[0]), Err(FileError::NoConfig));
}
