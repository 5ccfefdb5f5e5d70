//! The models against slow formulas, and their gradients.

use super::*;

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
