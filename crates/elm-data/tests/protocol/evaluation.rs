//! Windows of a simulation, and predictions over them.

use super::*;

#[test]
fn published_windows_of_a_simulation() {
    let windows = EvaluationWindows::default().windows(6000);
    assert_eq!(windows.len(), 17);
    let as_tuple = |i: usize| {
        (
            windows[i].start_ms,
            windows[i].keep_from,
            windows[i].keep_to,
        )
    };
    assert_eq!(as_tuple(0), (0, 0, 500));
    assert_eq!(as_tuple(1), (350, 500, 850));
    assert_eq!(as_tuple(16), (5600, 5750, 6000));
}

#[test]
fn windows_of_other_durations() {
    let windows = |duration| {
        let all = EvaluationWindows::default().windows(duration);
        all.iter()
            .map(|w| (w.start_ms, w.keep_from, w.keep_to))
            .collect::<Vec<_>>()
    };
    assert_eq!(windows(0), []);
    assert_eq!(windows(1), [(0, 0, 1)]);
    assert_eq!(windows(500), [(0, 0, 500)]);
    assert_eq!(windows(501), [(0, 0, 500), (350, 500, 501)]);
    assert_eq!(windows(850), [(0, 0, 500), (350, 500, 850)]);
    let no_advance = EvaluationWindows {
        window_ms: 150,
        burn_in_ms: 150,
    };
    assert!(
        no_advance
            .validate()
            .unwrap_err()
            .to_string()
            .contains("150 ms and 150 ms")
    );
    assert!(EvaluationWindows::default().validate().is_ok());
}

proptest! {
    #[test]
    fn windows_cover_a_simulation_once(duration in 0usize..3000, window in 1usize..700, burn_in in 0usize..700) {
        prop_assume!(burn_in < window);
        let mut covered = 0;
        for w in (EvaluationWindows { window_ms: window, burn_in_ms: burn_in }).windows(duration) {
            prop_assert_eq!(w.keep_from, covered);
            prop_assert!(w.keep_to > w.keep_from && w.keep_to <= w.start_ms + window);
            prop_assert!(w.start_ms == 0 && w.keep_from == 0 || w.keep_from == w.start_ms + burn_in);
            covered = w.keep_to;
        }
        prop_assert_eq!(covered, duration);
    }
}

#[test]
fn predictions_join_the_kept_parts_whatever_the_batch() {
    let simulations = [
        simulation("a", 0, 1203, vec![]),
        simulation("a", 1, 90, vec![]),
    ];
    let config = EvaluationWindows {
        window_ms: 200,
        burn_in_ms: 50,
    };
    let run = |batch_size: usize| {
        let (mut calls, mut largest) = (vec![], 0);
        let mut model =
            |inputs: &[f32], batch: usize, time: usize| -> Result<Vec<f32>, Infallible> {
                assert_eq!((inputs.len(), time), (batch * time * NUM_CHANNELS, 200));
                largest = largest.max(batch);
                let step = |(i, x): (usize, &[f32])| [x.iter().sum::<f32>(), (i % time) as f32];
                Ok(inputs
                    .chunks_exact(NUM_CHANNELS)
                    .enumerate()
                    .flat_map(step)
                    .collect())
            };
        let predictions = predict(
            &simulations,
            &config,
            batch_size,
            &mut model,
            &mut |done, total| {
                calls.push((done, total));
            },
        );
        (predictions.unwrap(), calls, largest)
    };
    let (predictions, calls, largest) = run(4);
    // 1203 ms: 200, then 1003 / 150 rounded up, 7 more; 90 ms: one.
    assert_eq!(calls, [(4, 9), (8, 9), (9, 9)]);
    assert_eq!(largest, 4);
    assert_eq!(run(0).1.len(), 9);
    assert_eq!(run(1000).0, predictions);
    for (simulation, prediction) in simulations.iter().zip(&predictions) {
        assert_eq!(
            prediction.spike_probability.len(),
            simulation.duration_ms as usize
        );
        assert_eq!(prediction.soma_mv.len(), simulation.duration_ms as usize);
        let mut logits = vec![0.0f32; simulation.duration_ms as usize];
        for event in &simulation.events {
            logits[event.time_ms() as usize] += event.value();
        }
        for (t, logit) in logits.iter().enumerate() {
            let expected = 1.0 / (1.0 + (-logit).exp());
            assert_close(
                prediction.spike_probability[t].into(),
                expected.into(),
                1e-6,
            );
            let in_window = if t < 200 { t } else { 50 + (t - 200) % 150 };
            assert_close(prediction.soma_mv[t].into(), in_window as f64 * 10.0, 1e-3);
        }
    }
}

#[test]
fn an_error_of_the_model_comes_back() {
    let mut model = |_: &[f32], _, _| Err("out of memory");
    let simulations = [simulation("a", 0, 700, vec![])];
    let result = predict(
        &simulations,
        &EvaluationWindows::default(),
        8,
        &mut model,
        &mut |_, _| {},
    );
    assert_eq!(result, Err("out of memory"));
}

#[test]
fn an_oracle_scores_perfectly_whatever_the_scale_of_its_voltage() {
    let simulations = [
        simulation("a", 0, 900, vec![600.5]),
        simulation("a", 1, 900, vec![700.5, 800.5]),
    ];
    for (scale, offset) in [(1.0, 0.0), (0.01, -300.0), (50.0, 12.0)] {
        let predictions = simulations.each_ref().map(|s| oracle(s, scale, offset));
        let evaluation = evaluate(&simulations, &predictions).unwrap();
        assert_eq!((evaluation.used, evaluation.dropped), (2, 0));
        let metrics = evaluation.metrics;
        for rate in [
            metrics.auc,
            metrics.auc_at_0025,
            metrics.auc_at_01,
            metrics.tpr_at_0025,
            metrics.tpr_at_01,
        ] {
            assert_eq!(rate, 1.0);
        }
        assert_close(metrics.soma_rmse_mv, 0.0, 1e-3);
        assert_close(metrics.soma_mae_mv, 0.0, 1e-3);
        assert_close(metrics.soma_explained_variance_percent, 100.0, 1e-4);
        for (aligned, simulation) in evaluation.aligned_soma_mv.iter().zip(&simulations) {
            for (found, expected) in aligned.iter().zip(simulation.clipped_soma_mv()) {
                assert_close((*found).into(), expected.into(), 2e-3);
            }
        }
    }
}

#[test]
fn soma_is_aligned_file_by_file_and_before_the_filter() {
    let busy = (0..25)
        .map(|i| 520.5 + 10.0 * i as f32)
        .collect::<Vec<f32>>();
    let simulations = [
        simulation("a", 0, 900, vec![600.5]),
        simulation("b", 2, 900, vec![600.5]),
        simulation("a", 5, 900, busy),
    ];
    // Each file off in its own way: only an alignment per file repairs both.
    let per_file = [
        oracle(&simulations[0], 2.0, 1.0),
        oracle(&simulations[1], 0.5, -7.0),
        oracle(&simulations[2], 2.0, 1.0),
    ];
    let evaluation = evaluate(&simulations, &per_file).unwrap();
    assert_eq!((evaluation.used, evaluation.dropped), (2, 1));
    assert_eq!(evaluation.aligned_soma_mv.len(), 3);
    assert_close(evaluation.metrics.soma_rmse_mv, 0.0, 1e-3);
    // The dropped simulation takes part in the alignment of its file: an error there spoils the one that is kept.
    let spoilt = [
        per_file[0].clone(),
        per_file[1].clone(),
        oracle(&simulations[2], 1.0, 1.0),
    ];
    assert!(
        evaluate(&simulations, &spoilt)
            .unwrap()
            .metrics
            .soma_rmse_mv
            > 0.1
    );
}

#[test]
fn simulations_with_24_binned_spikes_stay() {
    let spikes = |n: usize| {
        (0..n)
            .map(|i| 520.5 + 10.0 * i as f32)
            .collect::<Vec<f32>>()
    };
    let used = |times: Vec<f32>| {
        let simulations = [
            simulation("a", 0, 900, times),
            simulation("a", 1, 900, vec![600.5]),
        ];
        let predictions = simulations.each_ref().map(|s| oracle(s, 1.0, 0.0));
        evaluate(&simulations, &predictions).unwrap().used
    };
    assert_eq!(used(spikes(24)), 2);
    assert_eq!(used(spikes(25)), 1);
    // Rounded late times can fall into one bin; the published code counts bins.
    let mut doubled = spikes(24);
    doubled.push(520.5);
    assert_eq!(used(doubled), 2);
}

#[test]
fn the_first_500_ms_do_not_count() {
    let simulations = [simulation("a", 0, 900, vec![100.5, 600.5])];
    let mut prediction = oracle(&simulations[0], 1.0, 0.0);
    prediction.spike_probability[..500].fill(1.0);
    let evaluation = evaluate(&simulations, &[prediction.clone()]).unwrap();
    assert_eq!(evaluation.metrics.auc, 1.0);
    prediction.spike_probability[500] = 1.0;
    // One of 399 pauses now stands before the spike.
    assert_close(
        evaluate(&simulations, &[prediction]).unwrap().metrics.auc,
        1.0 - 1.0 / 399.0,
        1e-12,
    );
}

#[test]
fn a_constant_voltage_explains_nothing() {
    let simulations = [simulation("a", 0, 900, vec![600.5])];
    let mut prediction = oracle(&simulations[0], 1.0, 0.0);
    prediction.soma_mv.fill(0.1);
    let metrics = evaluate(&simulations, &[prediction]).unwrap().metrics;
    assert_close(metrics.soma_explained_variance_percent, 0.0, 1e-9);
}

#[test]
fn evaluations_that_cannot_be_done_say_why() {
    let problem = |simulations: &[Simulation], predictions: &[Prediction]| {
        evaluate(simulations, predictions).unwrap_err().to_string()
    };
    let good = simulation("a", 0, 900, vec![600.5]);
    let silent = simulation("a", 0, 900, vec![]);
    let short = simulation("a", 0, 400, vec![100.5]);
    assert!(problem(std::slice::from_ref(&good), &[]).contains("found 0 for 1"));
    assert!(problem(&[], &[]).contains("found none among 0"));
    assert!(
        problem(std::slice::from_ref(&silent), &[oracle(&silent, 1.0, 0.0)])
            .contains("an output spike after the first 500 ms")
    );
    assert!(
        problem(std::slice::from_ref(&short), &[oracle(&short, 1.0, 0.0)])
            .contains("longer than 500 ms")
    );
    assert!(
        problem(std::slice::from_ref(&good), &[oracle(&short, 1.0, 0.0)]).contains("lasts 900 ms")
    );
    let mut broken = oracle(&good, 1.0, 0.0);
    broken.soma_mv[3] = f32::NAN;
    assert!(problem(std::slice::from_ref(&good), &[broken]).contains("must be finite"));
}
