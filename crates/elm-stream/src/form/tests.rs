use super::*;
use alloc::string::ToString;

#[test]
fn parameters_are_counted_as_published() {
    // Spieler et al. 2024, NeuronIO: 1278 channels, 45 branches of 100 synapses, two outputs
    for (memory, trained) in [(1, 4601), (2, 4708), (20, 8002), (100, 54002)] {
        let form = NeuronForm::v1()
            .with_num_memory(memory)
            .with_num_branches(Some(45))
            .with_synapses_per_branch(Some(100));
        assert_eq!(form.num_trained(2), trained);
    }
}

#[test]
fn sizes_that_no_machine_holds_are_refused() {
    for memory in [1 << 20, 1 << 63, usize::MAX] {
        let error = NeuronForm::network().with_num_memory(memory).validate(3);
        let error = error.map_err(|e| e.to_string());
        assert!(
            error.as_ref().is_err_and(|e| e.contains("num_memory")),
            "{error:?}"
        );
    }
    assert!(NeuronForm::network().validate(usize::MAX).is_err());
}

#[test]
fn numbers_beyond_f32_are_refused() {
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
        for form in [
            NeuronForm::v1().with_dt(value),
            NeuronForm::v2().with_lambda(value),
            NeuronForm::network().with_high_pass_tau(FilterTau::Ms(value)),
            NeuronForm::v1().with_input_scale(value),
            NeuronForm::v1().with_memory_tau_max(value),
        ] {
            assert!(form.validate(1).is_err(), "{form:?}");
        }
    }
    assert!(
        NeuronForm::network()
            .with_tau_range_scale(0.5)
            .validate(1)
            .is_err()
    );
    assert!(
        NeuronForm::network()
            .with_tau_range_scale(f64::NAN)
            .validate(1)
            .is_err()
    );
}

#[test]
fn timescales_start_log_spaced_and_stay_in_their_bounds() {
    for form in [NeuronForm::v1(), NeuronForm::v2(), NeuronForm::network()] {
        let taus: Vec<f64> = form
            .initial_proto_tau()
            .iter()
            .map(|p| form.tau(*p))
            .collect();
        assert!((taus[0] - 1.0).abs() < 1e-5 && (taus[taus.len() - 1] - 1000.0).abs() < 1e-2);
        assert!(taus.windows(2).all(|t| t[0] < t[1]));
    }
    let equal = NeuronForm::v2().with_memory_tau_max(1.0).with_num_memory(2);
    assert!(equal.validate(1).is_ok());
    assert!(equal.initial_proto_tau().iter().all(|p| p.is_finite()));
}

#[test]
fn changes_leave_the_rest() {
    let changes: NeuronOverrides =
        serde_json::from_str(r#"{"num_memory": 3, "hidden_size": 7}"#).unwrap_or_default();
    let mut form = NeuronForm::v2();
    changes.apply(&mut form);
    let expected = NeuronForm::v2()
        .with_num_memory(3)
        .with_hidden_size(Some(7));
    assert_eq!(form, expected);
}
