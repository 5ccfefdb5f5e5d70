//! Models by number: loaded, run, refused and forgotten. The browser test sees the rest.

use elm_web::{Runner, Session};
use serde_json::Value;

/// A published neuron of 5 memory units.
fn published() -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../elm-model/tests/pretrained/num_memory_5.safetensors"
    );
    std::fs::read(path).expect("a weight file of the repository")
}

fn with(bytes: Vec<u8>) -> Session {
    let mut session = Session::default();
    session.incoming = bytes;
    session
}

#[test]
fn facts_tell_what_a_page_draws() {
    let runner = Runner::load(&published()).expect("a model");
    let facts: Value = serde_json::from_str(&runner.facts).expect("JSON");
    assert_eq!(facts["kind"], "neuron");
    assert_eq!(
        (&facts["inputs"], &facts["outputs"]),
        (&1278.into(), &2.into())
    );
    let taus: Vec<f64> = serde_json::from_value(facts["taus"].clone()).expect("numbers");
    assert_eq!(taus.len(), 5);
    // the published range, 1 to 150 ms
    assert!(
        (taus[0] - 1.0).abs() < 1e-3 && (taus[4] - 150.0).abs() < 1e-2,
        "{taus:?}"
    );
    let branches: Vec<Vec<u32>> = serde_json::from_value(facts["branches"].clone()).expect("lists");
    assert_eq!(branches.len(), 45);
    // 218 of the 4500 synapses do not count, see elm-stream
    assert_eq!(branches.iter().map(Vec::len).sum::<usize>(), 4500 - 218);
    // synapses, MLP of 45 + 5 to 10 to 5, readout
    assert_eq!(facts["trained"], 4500 + 51 * 10 + 11 * 5 + 6 * 2);
    assert_eq!(runner.view.len(), 5);
}

#[test]
fn steps_are_those_of_the_stream_and_rest_is_rest() {
    let bytes = published();
    let mut runner = Runner::load(&bytes).expect("a model");
    let form = elm_stream::NeuronForm::v1().with_memory_tau_max(150.0);
    let model = elm_stream::file::from_safetensors_with(&bytes, form).expect("a model");
    let mut stream = model.stream().expect("a stream");
    let mut first = Vec::new();
    for step in 0..50 {
        runner.input.fill(0.0);
        runner.input[step * 7] = 1.0;
        runner.step().expect("a step");
        assert_eq!(runner.output, stream.step(&runner.input).expect("a step"));
        if step == 0 {
            first.clone_from(&runner.output);
        }
    }
    assert!(runner.view.iter().any(|m| *m != 0.0));
    runner.reset();
    assert!(runner.view.iter().all(|m| *m == 0.0));
    runner.input.fill(0.0);
    runner.input[0] = 1.0;
    runner.step().expect("a step");
    assert_eq!(runner.output, first);
}

#[test]
fn what_is_refused_says_so_and_harms_nothing() {
    let mut session = with(published());
    let number = session.load().expect("a model");
    for bytes in [
        Vec::new(),
        b"no model at all".to_vec(),
        published()[..2000].to_vec(),
    ] {
        session.incoming = bytes;
        let problem = session.load().expect_err("a refusal");
        assert!(problem.contains("no valid safetensors file"), "{problem}");
    }
    let problem = session.model(number + 1).expect_err("a refusal");
    assert_eq!(problem, "There is no model 1.");
    let problem = session
        .model(number)
        .expect("a model")
        .step_token(0)
        .expect_err("a refusal");
    assert!(
        problem.contains("expected numbers for the channels"),
        "{problem}"
    );
    session
        .model(number)
        .expect("a model")
        .step()
        .expect("a step");
}

#[test]
fn a_model_of_another_kind_is_named() {
    let header = br#"{"__metadata__":{"elm_model_card":"{\"kind\":\"chrono-lstm\"}"}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    let problem = Runner::load(&bytes).expect_err("a refusal");
    assert!(
        problem.contains("`chrono-lstm`, expected a neuron"),
        "{problem}"
    );
}

#[test]
fn numbers_of_forgotten_models_are_given_again() {
    let mut session = with(published());
    assert_eq!(session.load(), Ok(0));
    session.incoming = published();
    assert_eq!(session.load(), Ok(1));
    session.unload(0);
    session.unload(7);
    assert!(session.model(0).is_err() && session.model(1).is_ok());
    session.incoming = published();
    assert_eq!(session.load(), Ok(0));
}
