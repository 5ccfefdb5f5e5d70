//! Baselines against slow formulas, their gradients, causality, masks, states, start values, counts, files, learning.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used)]

mod common;
mod learning;
mod modules;
mod oracle;
mod sizes;

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{DType, Device, Int, Tensor};
use common::{assert_absolute, assert_relative, host};
use elm_baselines::{
    Adaptation, Attention, ChronoLstm, ChronoLstmConfig, ChronoLstmState, EmbeddingInit, Lif,
    LifConfig, LifState, Positions, Recurrence, Reset, Tcn, TcnConfig, TcnNorm, TransformerEncoder,
    TransformerEncoderConfig,
};
use elm_model::{ElmError, FilterTau};
use modules::{Named, gradients, parameters, scrambled, seeded, tensor, uniform};
use oracle::{Moments, flat, samples};

const SHAPE: [usize; 3] = [2, 7, 3];

fn input(shape: [usize; 3], seed: u64) -> Vec<f64> {
    uniform(shape.iter().product(), -1.0, 1.0, seed)
}

/// A model with start values of one seed.
fn fresh<M: Module>(device: &Device, init: impl FnOnce() -> Result<M, ElmError>) -> M {
    seeded(0, device, || init().unwrap())
}

fn lstm(device: &Device) -> ChronoLstm {
    let config = ChronoLstmConfig::new(3, 2).with_hidden_size(5);
    scrambled(fresh(device, || config.init(device)), 1)
}

fn transformer_config(attention: Attention, positions: Positions) -> TransformerEncoderConfig {
    TransformerEncoderConfig::new(3, 2)
        .with_embedding(6)
        .with_num_heads(2)
        .with_num_layers(2)
        .with_mlp_size(5)
        .with_attention(attention)
        .with_positions(positions)
        .with_dropout(0.0)
        .with_attention_dropout(0.0)
}

fn transformers(device: &Device) -> Vec<TransformerEncoder> {
    let learned = Positions::Learned { max_length: 9 };
    [
        (Attention::Full, Positions::Sinusoidal),
        (Attention::Causal, Positions::Sinusoidal),
        (Attention::Full, learned),
        (Attention::Causal, learned),
    ]
    .into_iter()
    .map(|(attention, positions)| {
        let config = transformer_config(attention, positions);
        scrambled(fresh(device, || config.init(device)), 2)
    })
    .collect()
}

fn tcn_config(norm: TcnNorm) -> TcnConfig {
    TcnConfig::new(3, 2)
        .with_depth(3)
        .with_width(8)
        .with_first_kernel(3)
        .with_kernel(2)
        .with_norm(norm)
}

fn tcns(device: &Device) -> Vec<Tcn> {
    [TcnNorm::None, TcnNorm::Batch, TcnNorm::Layer]
        .into_iter()
        .flat_map(|norm| [1, 2].map(|dilation| tcn_config(norm).with_dilation(Some(dilation))))
        .map(|config| scrambled(fresh(device, || config.init(device)), 3))
        .collect()
}

/// Neurons of every kind, fast enough to spike within a few steps.
fn lifs(device: &Device) -> Vec<Lif> {
    let base = LifConfig::new(3, 2)
        .with_num_neurons(5)
        .with_membrane_tau(5.0)
        .with_threshold(0.05);
    let adaptive = Adaptation::Threshold {
        tau: 8.0,
        strength: 0.4,
        fraction: 0.6,
    };
    [
        base.clone(),
        base.clone().with_recurrence(Recurrence::FeedForward),
        base.clone().with_reset(Reset::Zero),
        base.clone().with_refractory(2.0),
        base.clone()
            .with_adaptation(adaptive)
            .with_refractory(2.2)
            .with_dt(2.0),
        base.with_adaptation(adaptive)
            .with_reset(Reset::Zero)
            .with_readout_tau(FilterTau::Off),
    ]
    .into_iter()
    .map(|config| scrambled(fresh(device, || config.init(device)), 4))
    .collect()
}

/// The gradient of a weighted sum of the outputs must be that of the formula, by central differences in f64.
fn check_gradients<M: Module>(
    what: &str,
    module: &M,
    forward: impl Fn(Tensor<3>) -> Tensor<3>,
    formula: impl Fn(&Named) -> Vec<f64>,
) {
    let device = Device::flex().autodiff();
    let y = forward(tensor(&input(SHAPE, 5), SHAPE, &device));
    let weights = uniform(y.dims().iter().product(), -1.0, 1.0, 6);
    let shape = y.dims();
    let found = gradients(
        module,
        &(y * tensor(&weights, shape, &device)).sum().backward(),
    );
    let named = parameters(module);
    let trained: Vec<&String> = named.keys().filter(|n| !n.contains("running_")).collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), trained, "{what}");
    let loss = |p: &Named| {
        formula(p)
            .iter()
            .zip(&weights)
            .map(|(y, w)| y * w)
            .sum::<f64>()
    };
    for (name, found) in &found {
        let expected: Vec<f64> = (0..found.len())
            .map(|i| {
                let shifted = |by: f64| {
                    let mut p = named.clone();
                    p.get_mut(name).unwrap()[i] += by;
                    loss(&p)
                };
                (shifted(1e-5) - shifted(-1e-5)) / 2e-5
            })
            .collect();
        let (worst, largest) = common::difference(found, &expected);
        // a key's bias moves all scores of a query alike: its gradient is exactly 0
        let scale = largest.max(1e-2);
        assert!(
            worst < 1e-3 * scale,
            "{what} {name}: off by {worst:e} of {largest:e}"
        );
    }
}

#[test]
fn chrono_lstm_follows_its_formula() {
    let device = Device::flex();
    // longer than one piece
    let shape = [2, 70, 3];
    let (x, model) = (input(shape, 7), lstm(&device));
    let p = parameters(&model);
    let expected: Vec<_> = samples(&x, shape)
        .iter()
        .map(|x| oracle::chrono_lstm(&p, x))
        .collect();
    let (y, _) = model.forward(tensor(&x, shape, &device), None);
    assert_eq!(y.dims(), [2, 70, 2]);
    assert_relative("output", &host(y), &flat(&expected), 1e-5);

    let model = lstm(&device.autodiff());
    let x = samples(&input(SHAPE, 5), SHAPE);
    let formula = |p: &Named| {
        flat(
            &x.iter()
                .map(|x| oracle::chrono_lstm(p, x))
                .collect::<Vec<_>>(),
        )
    };
    check_gradients("lstm", &model, |x| model.forward(x, None).0, formula);
}

#[test]
fn transformer_follows_its_formula_with_and_without_padding() {
    let device = Device::flex();
    let x = input(SHAPE, 8);
    for model in transformers(&device) {
        let (p, config) = (parameters(&model), model.config());
        for lengths in [[7, 7], [3, 5], [1, 7]] {
            let y = model
                .forward_masked(tensor(&x, SHAPE, &device), Some(&lengths))
                .unwrap();
            assert_eq!(y.dims(), [2, 7, 2]);
            for (sample, (x, length)) in samples(&x, SHAPE).iter().zip(lengths).enumerate() {
                let expected = oracle::transformer(config, &p, x, length);
                let real = y.clone().slice([sample..sample + 1, 0..length, 0..2]);
                let what = format!("{config:?}, lengths {lengths:?}");
                assert_relative(
                    &what,
                    &host(real),
                    &flat(&[expected[..length].to_vec()]),
                    1e-5,
                );
            }
        }
        let unmasked = model.forward(tensor(&x, SHAPE, &device));
        let full = model.forward_masked(tensor(&x, SHAPE, &device), Some(&[7, 7]));
        assert_absolute("no padding", &host(unmasked), &host(full.unwrap()), 1e-6);
    }
    let x = samples(&input(SHAPE, 5), SHAPE);
    for model in transformers(&device.autodiff()) {
        let config = model.config();
        let formula = |p: &Named| {
            let y: Vec<_> = x
                .iter()
                .map(|x| oracle::transformer(config, p, x, 7))
                .collect();
            flat(&y)
        };
        check_gradients(
            &format!("{config:?}"),
            &model,
            |x| model.forward(x),
            formula,
        );
    }
}

#[test]
fn what_stands_in_the_padding_changes_no_answer() {
    let device = Device::flex();
    let (x, lengths) = (input(SHAPE, 9), [3, 5]);
    let mut other = x.clone();
    for (sample, length) in lengths.into_iter().enumerate() {
        for t in length..7 {
            for value in &mut other[(sample * 7 + t) * 3..][..3] {
                *value = 100.0 - 300.0 * *value;
            }
        }
    }
    for model in transformers(&device) {
        let run = |x: &[f64]| {
            model
                .forward_masked(tensor(x, SHAPE, &device), Some(&lengths))
                .unwrap()
        };
        let (y, changed) = (run(&x), run(&other));
        for (sample, length) in lengths.into_iter().enumerate() {
            let of = |y: &Tensor<3>| host(y.clone().slice([sample..sample + 1, 0..length, 0..2]));
            assert_absolute("masked", &of(&changed), &of(&y), 1e-6);
            let alone = tensor(&x[sample * 21..][..length * 3], [1, length, 3], &device);
            assert_absolute("alone", &host(model.forward(alone)), &of(&y), 1e-5);
        }
        // without lengths it does, unless attention is causal
        let plain = |x: &[f64]| host(model.forward(tensor(x, SHAPE, &device)).narrow(1, 0, 3));
        let (worst, _) = common::difference(&plain(&x), &plain(&other));
        match model.config().attention {
            Attention::Full => assert!(worst > 1e-3, "{worst}"),
            Attention::Causal => assert!(worst < 1e-6, "{worst}"),
        }
    }
}

#[test]
fn tcn_follows_its_formula() {
    let device = Device::flex();
    let x = input(SHAPE, 10);
    for model in tcns(&device) {
        let (p, config) = (parameters(&model), model.config());
        let expected = oracle::tcn(config, &p, &samples(&x, SHAPE), Moments::Running);
        let y = model.forward(tensor(&x, SHAPE, &device));
        assert_eq!(y.dims(), [2, 7, 2]);
        assert_relative(&format!("{config:?}"), &host(y), &flat(&expected), 1e-5);
    }
    let x = samples(&input(SHAPE, 5), SHAPE);
    let device = device.autodiff();
    for model in tcns(&device) {
        let config = model.config();
        let formula = |p: &Named| flat(&oracle::tcn(config, p, &x, Moments::Batch));
        check_gradients(
            &format!("{config:?}"),
            &model,
            |x| model.forward(x),
            formula,
        );
        let trained = model.forward(tensor(&flat(&x), SHAPE, &device));
        let expected = formula(&parameters(&model));
        assert_relative(
            &format!("training {config:?}"),
            &host(trained),
            &expected,
            1e-4,
        );
    }
}

#[test]
fn lif_follows_its_formula() {
    let device = Device::flex();
    let shape = [2, 40, 3];
    let x = input(shape, 11);
    for model in lifs(&device) {
        let (p, config) = (parameters(&model), model.config());
        let result = model.run(tensor(&x, shape, &device), None).unwrap();
        let traces: Vec<_> = samples(&x, shape)
            .iter()
            .map(|x| oracle::lif(config, &p, x, None))
            .collect();
        assert!(
            traces.iter().all(|trace| trace.margin > 1e-5),
            "too close to tell"
        );
        let spikes: Vec<f64> = traces.iter().flat_map(|t| t.spikes.concat()).collect();
        let rate = spikes.iter().sum::<f64>() / spikes.len() as f64;
        assert!((0.05..0.95).contains(&rate), "{config:?}: rate {rate}");
        assert_absolute(&format!("{config:?}"), &host(result.spikes), &spikes, 0.0);
        let output: Vec<f64> = traces
            .iter()
            .flat_map(|t| t.output.concat())
            .map(|dual| dual.0)
            .collect();
        assert_relative(&format!("{config:?}"), &host(result.output), &output, 1e-5);
    }
}

#[test]
fn lif_learns_by_the_surrogate_slope() {
    let device = Device::flex().autodiff();
    let shape = [2, 40, 3];
    let x = input(shape, 11);
    for model in lifs(&device) {
        let (p, config) = (parameters(&model), model.config());
        let (y, _) = model.forward(tensor(&x, shape, &device), None);
        let weights = uniform(2 * 40 * 2, -1.0, 1.0, 12);
        let loss = (y * tensor(&weights, [2, 40, 2], &device)).sum();
        let found = gradients(&model, &loss.backward());
        assert_eq!(found.len(), p.len(), "{config:?}");
        for (name, found) in &found {
            let expected: Vec<f64> = (0..found.len())
                .map(|i| {
                    let along = Some((name.as_str(), i));
                    let slopes = samples(&x, shape)
                        .into_iter()
                        .flat_map(|x| oracle::lif(config, &p, &x, along).output.concat());
                    slopes.zip(&weights).map(|(y, w)| y.1 * w).sum()
                })
                .collect();
            assert!(expected.iter().any(|g| g.abs() > 1e-6), "{config:?} {name}");
            assert_relative(&format!("{config:?} {name}"), found, &expected, 1e-3);
        }
    }
}

#[test]
fn refractory_neurons_are_silent() {
    let device = Device::flex();
    let config = LifConfig::new(1, 1)
        .with_num_neurons(1)
        .with_recurrence(Recurrence::FeedForward)
        .with_refractory(3.0);
    let mut model = fresh(&device, || config.init(&device));
    model.input.weight = model.input.weight.map(|w| w.ones_like());
    model.input.bias = model.input.bias.map(|b| b.map(|b| b.zeros_like()));
    // a drive of 1 lifts the potential over 0.01 within one step
    let result = model.run(Tensor::ones([1, 9, 1], &device), None).unwrap();
    let expected = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    assert_absolute("spikes", &host(result.spikes), &expected, 0.0);
}

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
