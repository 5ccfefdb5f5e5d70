//! Causality, states, start values, records and refusals.

use super::*;

/// Changes the input from one step on: no earlier output may move, the later ones must.
fn check_causal(what: &str, forward: impl Fn(Tensor<3>) -> Tensor<3>) {
    let (device, shape, from) = (Device::flex(), [2, 9, 3], 4);
    let x = tensor(&input(shape, 13), shape, &device);
    let other = Tensor::cat(
        vec![
            x.clone().narrow(1, 0, from),
            x.clone().narrow(1, from, 9 - from) * -2.0 + 0.5,
        ],
        1,
    );
    let (y, changed) = (forward(x), forward(other));
    let part = |y: &Tensor<3>, start, len| host(y.clone().narrow(1, start, len));
    assert_absolute(what, &part(&changed, 0, from), &part(&y, 0, from), 1e-6);
    for t in from..9 {
        let (worst, _) = common::difference(&part(&changed, t, 1), &part(&y, t, 1));
        assert!(worst > 1e-4, "{what}: step {t} does not see its input");
    }
}

#[test]
fn causal_models_do_not_look_ahead() {
    let device = Device::flex();
    check_causal("lstm", |x| lstm(&device).forward(x, None).0);
    for model in tcns(&device) {
        check_causal(&format!("{:?}", model.config()), |x| model.forward(x));
    }
    let config = transformer_config(Attention::Causal, Positions::Sinusoidal);
    let model = scrambled(fresh(&device, || config.init(&device)), 2);
    check_causal("transformer", |x| model.forward(x));
    let model = &lifs(&device)[0];
    check_causal("lif", |x| model.forward(x, None).0);
}

#[test]
fn receptive_field_of_a_tcn() {
    assert_eq!(TcnConfig::new(1278, 2).receptive_field(), 54 + 6 * 23);
    let device = Device::flex();
    for dilation in [1, 2] {
        let config = tcn_config(TcnNorm::Layer).with_dilation(Some(dilation));
        let field = config.receptive_field();
        assert_eq!(field, 1 + (2 + 1 + 1) * dilation);
        let model = scrambled(fresh(&device, || config.init(&device)), 3);
        let shape = [1, field + 3, 3];
        let x = tensor(&input(shape, 14), shape, &device);
        let first = x.clone().narrow(1, 0, 1) + 1.0;
        let other = Tensor::cat(vec![first, x.clone().narrow(1, 1, field + 2)], 1);
        let moved = host((model.forward(x) - model.forward(other)).abs().sum_dim(2));
        assert!(moved[field - 1] > 1e-5, "{moved:?}");
        assert!(moved[field..].iter().all(|m| *m < 1e-6), "{moved:?}");
    }
}

#[test]
fn two_halves_give_the_whole() {
    let device = Device::flex();
    let shape = [2, 75, 3];
    let x = tensor(&input(shape, 15), shape, &device);
    let halves = |at: usize| (x.clone().narrow(1, 0, at), x.clone().narrow(1, at, 75 - at));
    for at in [1, 32, 40] {
        let (first, second) = halves(at);
        let model = lstm(&device);
        let (whole, end) = model.forward(x.clone(), None);
        let (a, state) = model.forward(first.clone(), None);
        let (b, last) = model.forward(second.clone(), Some(state));
        assert_absolute(
            "lstm",
            &host(Tensor::cat(vec![a, b], 1)),
            &host(whole),
            1e-6,
        );
        assert_absolute("cell", &host(last.cell), &host(end.cell), 1e-6);
        assert_absolute("hidden", &host(last.hidden), &host(end.hidden), 1e-6);
        for model in lifs(&device) {
            let what = format!("{:?} at {at}", model.config());
            let (whole, end) = model.forward(x.clone(), None);
            let (a, state) = model.forward(first.clone(), None);
            let (b, last) = model.forward(second.clone(), Some(state.detach()));
            assert_absolute(&what, &host(Tensor::cat(vec![a, b], 1)), &host(whole), 1e-6);
            let parts = |s: LifState| {
                [s.potential, s.adaptation, s.spikes, s.refractory, s.readout].map(host)
            };
            for (last, end) in parts(last).iter().zip(parts(end)) {
                assert_absolute(&what, last, &end, 1e-6);
            }
        }
    }
}

#[test]
fn chrono_biases_are_spread_over_the_timescales() {
    let device = Device::flex();
    let config = ChronoLstmConfig::new(1, 1)
        .with_hidden_size(1000)
        .with_t_max(Some(200));
    let p = parameters(&seeded(16, &device, || config.init(&device).unwrap()));
    let of = |gate: &str| p[&format!("lstm.{gate}.input_transform.bias")].clone();
    let forget = of("forget_gate");
    let mut tau: Vec<f64> = forget.iter().map(|b| b.exp()).collect();
    tau.sort_by(f64::total_cmp);
    assert!(
        tau[0] >= 0.999 && tau[999] <= 199.001,
        "{} {}",
        tau[0],
        tau[999]
    );
    // uniform over 1..199: no quantile further off than 1.95 / √1000 (one time in a thousand)
    for (i, tau) in tau.iter().enumerate() {
        let (expected, found) = (i as f64 / 1000.0, (tau - 1.0) / 198.0);
        assert!((expected - found).abs() < 0.062, "{expected} {found}");
    }
    let negative: Vec<f64> = forget.iter().map(|b| -b).collect();
    assert_absolute("input gate", &of("input_gate"), &negative, 0.0);
    for gate in ["output_gate", "cell_gate"] {
        assert_absolute(gate, &of(gate), &[0.0; 1000], 0.0);
    }
    // the whole bias of a gate: Burn's second one is not there
    assert!(!p.keys().any(|name| name.ends_with("hidden_transform.bias")));
}

#[test]
fn embeddings_start_as_configured() {
    let device = Device::flex();
    let config = TransformerEncoderConfig::new(100, 1).with_embedding(200);
    let moment = |init: EmbeddingInit| {
        let config = config.clone().with_embedding_init(init);
        let p = parameters(&seeded(17, &device, || config.init(&device).unwrap()));
        let weight = &p["embedding.weight"];
        let bound = weight.iter().fold(0f64, |m, w| m.max(w.abs()));
        let square = weight.iter().map(|w| w * w).sum::<f64>() / weight.len() as f64;
        (bound, square.sqrt())
    };
    let (bound, std) = moment(EmbeddingInit::Uniform);
    assert!(
        bound <= 0.1 && (std - 0.1 / 3f64.sqrt()).abs() < 1e-3,
        "{bound} {std}"
    );
    let (_, std) = moment(EmbeddingInit::Normal { std: 0.5 });
    assert!((std - 0.5).abs() < 0.02, "{std}");
}

/// A module of other start values that loads the record must compute the same.
fn check_record<M: Module>(model: &M, other: M, forward: impl Fn(&M, Tensor<3>) -> Tensor<3>) {
    let device = Device::flex();
    let x = tensor(&input(SHAPE, 18), SHAPE, &device);
    let expected = host(forward(model, x.clone()));
    let (before, _) = common::difference(&host(forward(&other, x.clone())), &expected);
    assert!(before > 1e-3, "the same before");
    let bytes = model.clone().into_record().into_bytes().unwrap();
    let loaded = other
        .try_load_record(ModuleRecord::from_bytes(bytes).unwrap())
        .unwrap();
    assert_absolute("loaded", &host(forward(&loaded, x)), &expected, 0.0);
}

#[test]
fn records_hold_the_whole_model() {
    let device = Device::flex();
    let model = lstm(&device);
    let other = fresh(&device, || model.config().init(&device));
    check_record(&model, other, |m, x| m.forward(x, None).0);
    for model in transformers(&device) {
        let other = fresh(&device, || model.config().init(&device));
        check_record(&model, other, TransformerEncoder::forward);
    }
    for model in tcns(&device) {
        let other = fresh(&device, || model.config().init(&device));
        check_record(&model, other, Tcn::forward);
    }
    for model in lifs(&device) {
        let other = fresh(&device, || model.config().init(&device));
        check_record(&model, other, |m, x| m.forward(x, None).0);
    }
}

#[test]
fn inputs_and_states_that_do_not_fit_are_refused() {
    let device = Device::flex();
    let zeros = |shape: [usize; 3]| Tensor::<3>::zeros(shape, &device);
    let shape_of = |error: ElmError| match error {
        ElmError::Shape { what, .. } => what,
        other => panic!("{other}"),
    };
    let (lstm, lif) = (lstm(&device), lifs(&device).remove(0));
    let (tcn, encoder) = (tcns(&device).remove(0), transformers(&device).remove(2));
    for shape in [[2, 7, 4], [2, 0, 3], [0, 7, 3]] {
        let errors = [
            lstm.try_forward(zeros(shape), None).unwrap_err(),
            lif.run(zeros(shape), None).unwrap_err(),
            tcn.try_forward(zeros(shape)).unwrap_err(),
            encoder.forward_masked(zeros(shape), None).unwrap_err(),
        ];
        assert_eq!(errors.map(shape_of), ["x"; 4]);
    }
    let long = encoder.forward_masked(zeros([1, 10, 3]), None).unwrap_err();
    assert!(long.to_string().contains("at most 9 steps"), "{long}");
    for lengths in [&[7][..], &[7, 8], &[0, 7], &[7, 7, 7]] {
        let error = encoder.forward_masked(zeros(SHAPE), Some(lengths));
        assert!(matches!(error, Err(ElmError::Lengths { .. })), "{error:?}");
    }
    let wrong = Tensor::zeros([3, 5], &device);
    let state = ChronoLstmState {
        cell: wrong.clone(),
        hidden: wrong.clone(),
    };
    let error = lstm.try_forward(zeros(SHAPE), Some(state));
    assert_eq!(shape_of(error.unwrap_err()), "state.cell");
    let mut state = lif.run(zeros(SHAPE), None).unwrap().state;
    state.refractory = wrong;
    let error = lif.run(zeros(SHAPE), Some(state)).unwrap_err();
    assert_eq!(shape_of(error), "state.refractory");
}

#[test]
fn number_types_that_do_not_fit_are_refused() {
    let device = Device::flex();
    let x = Tensor::<3>::zeros(SHAPE, (&device, DType::F64));
    let (lstm, lif) = (lstm(&device), lifs(&device).remove(0));
    let (tcn, encoder) = (tcns(&device).remove(0), transformers(&device).remove(0));
    let errors = [
        lstm.try_forward(x.clone(), None).map(|(y, _)| y),
        lif.try_forward(x.clone(), None).map(|(y, _)| y),
        tcn.try_forward(x.clone()),
        encoder.try_forward(x),
    ];
    for error in errors {
        assert!(
            matches!(error, Err(ElmError::NumberType { what: "x", .. })),
            "{error:?}"
        );
    }
    let state = LifState::zeros(lif.config(), 2, DType::F64, &device);
    let error = lif.try_forward(Tensor::zeros(SHAPE, &device), Some(state));
    assert!(matches!(error, Err(ElmError::NumberType { .. })));
}

#[test]
fn half_precision_goes_in_and_comes_out() {
    let device = Device::flex();
    let x = tensor(&input(SHAPE, 19), SHAPE, &device).cast(DType::F16);
    let check = |what: &str, forward: &dyn Fn(Tensor<3>) -> Tensor<3>| {
        let (half, full) = (forward(x.clone()), forward(x.clone().cast(DType::F32)));
        assert_eq!(half.dtype(), DType::F16);
        assert_relative(what, &host(half), &host(full), 1e-3);
    };
    check("lstm", &|x| lstm(&device).forward(x, None).0);
    check("lif", &|x| lifs(&device)[0].forward(x, None).0);
    check("tcn", &|x| tcns(&device)[0].forward(x));
    check("transformer", &|x| transformers(&device)[0].forward(x));
}

#[test]
fn states_of_samples_are_taken_apart_and_put_together() {
    let device = Device::flex();
    let x = tensor(&input([3, 7, 3], 20), [3, 7, 3], &device);
    let rows = Tensor::<1, Int>::from_ints([2, 0], &device);
    let picked = x.clone().select(0, rows.clone());
    let (one, two) = (x.clone().narrow(0, 0, 1), x.clone().narrow(0, 1, 2));

    let model = lstm(&device);
    let state = |x: &Tensor<3>| model.forward(x.clone(), None).1;
    let after = |x: &Tensor<3>, state| host(model.forward(x.clone(), Some(state)).0);
    let whole = state(&x);
    assert_eq!(whole.batch(), 3);
    let selected = whole.clone().select(rows.clone()).to_device(&device);
    assert_absolute(
        "rows",
        &after(&picked, selected),
        &after(&picked, state(&picked)),
        1e-6,
    );
    let joined = ChronoLstmState::cat(vec![state(&one), state(&two)]).unwrap();
    assert_absolute("joined", &after(&x, joined), &after(&x, whole), 1e-6);
    assert!(ChronoLstmState::cat(Vec::new()).is_none());
    let zeros = ChronoLstmState::zeros(model.config(), 3, DType::F32, &device);
    assert_absolute(
        "zeros",
        &after(&x, zeros),
        &host(model.forward(x.clone(), None).0),
        0.0,
    );

    for model in lifs(&device) {
        let state = |x: &Tensor<3>| model.forward(x.clone(), None).1;
        let after = |x: &Tensor<3>, state| host(model.forward(x.clone(), Some(state)).0);
        let whole = state(&x);
        assert_eq!(whole.batch(), 3);
        let selected = whole.clone().select(rows.clone()).to_device(&device);
        assert_absolute(
            "rows",
            &after(&picked, selected),
            &after(&picked, state(&picked)),
            1e-6,
        );
        let joined = LifState::cat(vec![state(&one), state(&two)]).unwrap();
        assert_absolute("joined", &after(&x, joined), &after(&x, whole), 1e-6);
        assert!(LifState::cat(Vec::new()).is_none());
        let zeros = LifState::zeros(model.config(), 3, DType::F32, &device);
        assert_absolute(
            "zeros",
            &after(&x, zeros),
            &host(model.forward(x.clone(), None).0),
            0.0,
        );
    }
}
