//! Windows, batches, metrics and the evaluation protocol of NeuronIO, on cases small enough to work out by hand.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use elm_data::neuronio::simulation::NUM_CHANNELS;
use elm_data::neuronio::{
    BatchStream, EvaluationWindows, Metrics, Prediction, RocCurve, Simulation, SomaErrors,
    SparseSampler, SpikeEvent, WindowConfig, WindowSampler, evaluate, predict,
};
use proptest::prelude::*;

const RESTING_MV: f32 = -67.7;

/// A simulation with one input event every 7 ms, whose soma follows a slow sine (clipped at its top).
fn simulation(
    source: &str,
    index: u32,
    duration_ms: u32,
    output_spikes_ms: Vec<f32>,
) -> Simulation {
    let event = |time_ms: u32| {
        let channel = ((time_ms * 13 + index) % 1278) as u16;
        SpikeEvent::new(time_ms, channel).unwrap()
    };
    Simulation {
        source: source.into(),
        index,
        duration_ms,
        events: (0..duration_ms).step_by(7).map(event).collect(),
        output_spikes_ms,
        soma_mv: (0..duration_ms).map(|t| voltage(t, index)).collect(),
    }
}

fn voltage(time_ms: u32, index: u32) -> f32 {
    RESTING_MV + (3.0 + index as f32) * (time_ms as f32 / 50.0).sin() + 5.0
}

/// Knows every spike; its voltage is the clipped one above the bias, moved and scaled.
fn oracle(simulation: &Simulation, scale: f32, offset: f32) -> Prediction {
    let soma = simulation.clipped_soma_mv();
    Prediction {
        spike_probability: simulation
            .spike_target()
            .iter()
            .map(|s| 0.1 + 0.8 * s)
            .collect(),
        soma_mv: soma
            .iter()
            .map(|v| (v - RESTING_MV) * scale + offset)
            .collect(),
    }
}

fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "found {found}, expected {expected}"
    );
}

// ------------------------------------------------------------------------------------------------ ROC

#[test]
fn roc_groups_ties_and_starts_at_the_origin() {
    // By falling score: 0.9 spike; 0.5 spike and pause (tie); 0.1 pause.
    let roc = RocCurve::new(&[1.0, 0.0, 1.0, 0.0], &[0.9, 0.5, 0.5, 0.1]).unwrap();
    assert_eq!(roc.fpr, [0.0, 0.0, 0.5, 1.0]);
    assert_eq!(roc.tpr, [0.0, 0.5, 1.0, 1.0]);
    // Trapezoid (0.5 + 1) / 2 * 0.5 and rectangle 0.5.
    assert_close(roc.auc(), 0.875, 1e-15);
    assert_eq!(roc.tpr_at(0.4), 1.0);
    assert_eq!(
        roc.tpr_at(0.1),
        0.5,
        "the upper of two points at the same rate, never the origin"
    );
}

#[test]
fn roc_drops_repeated_steps_and_takes_the_nearest_point_left() {
    // One spike on top, then five pauses with distinct scores: every step among the pauses is the same.
    let roc = RocCurve::new(
        &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        &[0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
    )
    .unwrap();
    assert_eq!(roc.fpr, [0.0, 0.0, 1.0]);
    assert_eq!(roc.tpr, [0.0, 1.0, 1.0]);
    // Pauses and spikes alternate: corners stay; rates of 1/3 and 2/3 are present.
    let roc = RocCurve::new(
        &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
        &[0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
    )
    .unwrap();
    let third = 1.0 / 3.0;
    assert_eq!(
        roc.fpr,
        [0.0, third, third, 2.0 * third, 2.0 * third, 1.0, 1.0]
    );
    assert_eq!(
        roc.tpr,
        [0.0, 0.0, third, third, 2.0 * third, 2.0 * third, 1.0]
    );
    assert_close(roc.auc(), third, 1e-15);
    assert_eq!(roc.tpr_at(0.3), 0.0, "the first of two points equally near");
}

#[test]
fn perfect_inverted_and_constant_scores() {
    let labels = [0.0, 1.0, 0.0, 1.0, 0.0];
    let perfect = RocCurve::new(&labels, &labels).unwrap();
    let figures = |roc: &RocCurve| [roc.auc(), roc.partial_auc(0.01), roc.tpr_at(0.01)];
    assert_eq!(figures(&perfect), [1.0, 1.0, 1.0]);
    let inverted = RocCurve::new(&labels, &labels.map(|l| -l)).unwrap();
    assert_eq!(figures(&inverted), [0.0, 0.0, 0.0]);
    // A constant makes the diagonal; the grid points below 0.01 are 0/19999 .. 199/19999, their mean 99.5/19999.
    let chance = RocCurve::new(&labels, &[0.3; 5]).unwrap();
    assert_eq!(chance.fpr, [0.0, 1.0]);
    assert_close(chance.auc(), 0.5, 1e-15);
    assert_close(chance.partial_auc(0.01), 99.5 / 19_999.0, 1e-12);
    assert_close(chance.partial_auc(0.0025), 24.5 / 19_999.0, 1e-12);
}

#[test]
fn zeros_of_both_signs_are_one_score() {
    let roc = RocCurve::new(&[1.0, 0.0], &[-0.0, 0.0]).unwrap();
    assert_eq!(roc.fpr, [0.0, 1.0]);
}

#[test]
fn roc_of_one_class_or_unusable_scores_is_an_error() {
    let problem =
        |labels: &[f32], scores: &[f32]| RocCurve::new(labels, scores).unwrap_err().to_string();
    assert!(problem(&[0.0; 3], &[0.1, 0.2, 0.3]).contains("found 0 with and 3 without"));
    assert!(problem(&[1.0; 2], &[0.1, 0.2]).contains("found 2 with and 0 without"));
    assert!(problem(&[1.0, 0.0], &[0.1, f32::NAN]).contains("number 1 of 2 is NaN"));
    assert!(problem(&[1.0, 0.0], &[0.1]).contains("found 1 and 2"));
    assert!(problem(&[], &[]).contains("found 0 and 0"));
}

proptest! {
    /// AUC is the chance that a spike's score exceeds a pause's, a tie counting half.
    #[test]
    fn auc_is_the_rank_statistic(cases in prop::collection::vec((any::<bool>(), 0u8..6), 2..60)) {
        let labels: Vec<f32> = cases.iter().map(|c| f32::from(u8::from(c.0))).collect();
        let scores: Vec<f32> = cases.iter().map(|c| f32::from(c.1)).collect();
        let (spikes, pauses): (Vec<(bool, u8)>, Vec<_>) = cases.iter().partition(|c| c.0);
        prop_assume!(!spikes.is_empty() && !pauses.is_empty());
        let win = |a: u8, b: u8| if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
        let wins: f64 = spikes.iter().flat_map(|s| pauses.iter().map(move |p| win(s.1, p.1))).sum();
        let roc = RocCurve::new(&labels, &scores).unwrap();
        prop_assert!((roc.auc() - wins / (spikes.len() * pauses.len()) as f64).abs() < 1e-12);
        prop_assert!(roc.fpr.is_sorted() && roc.tpr.is_sorted());
        // The mean over the whole grid (but its last point) approximates the area.
        prop_assert!((roc.partial_auc(1.0) - roc.auc()).abs() < 2e-3);
    }
}

// ------------------------------------------------------------------------------------------------ soma

#[test]
fn soma_errors_by_hand() {
    // Errors 1, -1, 3, 1: mean 1, so explained variance does not see it while RMSE does.
    let errors =
        SomaErrors::new(&[-60.0, -62.0, -60.0, -66.0], &[-61.0, -61.0, -63.0, -67.0]).unwrap();
    assert_close(errors.mae_mv, 1.5, 1e-12);
    assert_close(errors.rmse_mv, 3f64.sqrt(), 1e-12);
    // Variances: errors (0 + 4 + 4 + 0) / 4 = 2; target, mean -62: (4 + 0 + 4 + 16) / 4 = 6.
    assert_close(
        errors.explained_variance_percent,
        100.0 * (1.0 - 2.0 / 6.0),
        1e-12,
    );
}

#[test]
fn soma_errors_need_finite_and_varying_targets() {
    assert!(SomaErrors::new(&[0.1; 3], &[0.1, 0.2, 0.3]).is_err());
    assert!(SomaErrors::new(&[0.1, 0.2], &[0.1, f32::NAN]).is_err());
    assert!(SomaErrors::new(&[0.1, f32::INFINITY], &[0.1, 0.2]).is_err());
    assert!(SomaErrors::new(&[0.1, 0.2], &[0.1]).is_err());
}

#[test]
fn metrics_serialise_under_the_published_names() {
    let roc = RocCurve::new(&[1.0, 0.0], &[0.9, 0.1]).unwrap();
    let metrics = Metrics::new(&roc, &SomaErrors::new(&[1.0, 2.0], &[1.0, 3.0]).unwrap());
    let json = serde_json::to_value(metrics).unwrap();
    assert_eq!(json.as_object().unwrap().len(), metrics.rows().len());
    for (name, value) in metrics.rows() {
        assert_eq!(json[name].as_f64(), Some(value), "{name}");
    }
    assert_eq!(serde_json::from_value::<Metrics>(json).unwrap(), metrics);
}

// ------------------------------------------------------------------------------------------------ windows

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

// ------------------------------------------------------------------------------------------------ evaluation

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

// ------------------------------------------------------------------------------------------------ sampler

fn sampler(count: u32, duration_ms: u32, config: WindowConfig, seed: u64) -> WindowSampler {
    let one = |i| simulation("a", i, duration_ms, vec![duration_ms as f32 / 2.0]);
    WindowSampler::new((0..count).map(one).collect(), config, seed).unwrap()
}

#[test]
fn a_batch_holds_the_windows_drawn() {
    let config = WindowConfig {
        batch_size: 3,
        window_ms: 40,
        ignore_first_ms: 50,
    };
    let sampler = sampler(3, 200, config, 1);
    let batch = sampler.batch(5).unwrap();
    assert_eq!((batch.batch, batch.time), (3, 40));
    assert_eq!(
        (batch.inputs.len(), batch.spikes.len(), batch.soma.len()),
        (120 * NUM_CHANNELS, 120, 120)
    );
    for (row, (index, start)) in sampler.draw(5).into_iter().enumerate() {
        let whole = simulation("a", index as u32, 200, vec![100.0]);
        let mut inputs = vec![0.0; 40 * NUM_CHANNELS];
        whole.write_input(start, &mut inputs);
        assert_eq!(
            batch.inputs[row * 40 * NUM_CHANNELS..][..40 * NUM_CHANNELS],
            inputs
        );
        for t in 0..40 {
            assert_eq!(
                batch.spikes[row * 40 + t],
                f32::from(u8::from(start + t == 99))
            );
            let expected = (voltage((start + t) as u32, index as u32).min(-55.0) + 67.7) * 0.1;
            assert_close(batch.soma[row * 40 + t].into(), expected.into(), 1e-6);
        }
    }
}

proptest! {
    #[test]
    fn draws_are_seeded_in_bounds_and_without_replacement(
        count in 1u32..6, batch_size in 1usize..14, window_ms in 1usize..60, slack in 0usize..30,
        seed in any::<u64>(), index in any::<u64>(),
    ) {
        let ignore_first_ms = 20;
        let duration = ignore_first_ms + window_ms + slack;
        let config = WindowConfig { batch_size, window_ms, ignore_first_ms };
        let sampler = sampler(count, duration as u32, config, seed);
        let draw = sampler.draw(index);
        prop_assert_eq!(&draw, &sampler.clone().draw(index));
        prop_assert_eq!(draw.len(), batch_size);
        prop_assert!(draw.iter().all(|d| d.1 >= ignore_first_ms && d.1 + window_ms <= duration));
        for permutation in draw.chunks(count as usize) {
            let mut seen: Vec<usize> = permutation.iter().map(|d| d.0).collect();
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), permutation.len());
            prop_assert!(seen.iter().all(|&s| s < count as usize));
        }
    }
}

#[test]
fn every_simulation_and_start_is_drawn_about_equally() {
    let config = WindowConfig {
        batch_size: 2,
        window_ms: 10,
        ignore_first_ms: 5,
    };
    let sampler = sampler(5, 19, config, 3);
    let (mut simulations, mut starts) = ([0; 5], [0; 5]);
    for index in 0..5000 {
        for (simulation, start) in sampler.draw(index) {
            simulations[simulation] += 1;
            starts[start - 5] += 1;
        }
    }
    // 10 000 draws, 2000 expected in each of 5 cells, standard deviation 40.
    assert!(
        simulations
            .iter()
            .chain(&starts)
            .all(|n| (1800..2200).contains(n)),
        "{simulations:?} {starts:?}"
    );
}

#[test]
fn seeds_and_indices_give_different_batches() {
    let config = WindowConfig {
        batch_size: 8,
        window_ms: 20,
        ignore_first_ms: 0,
    };
    let one = sampler(8, 500, config, 1);
    assert_ne!(one.draw(0), one.draw(1));
    assert_ne!(one.draw(0), sampler(8, 500, config, 2).draw(0));
}

#[test]
fn samplers_that_cannot_work_say_why() {
    let problem = |count: u32, batch_size: usize, window_ms: usize| {
        let simulations = (0..count)
            .map(|i| simulation("file.p", i, 600, vec![]))
            .collect();
        let config = WindowConfig {
            batch_size,
            window_ms,
            ignore_first_ms: 500,
        };
        WindowSampler::new(simulations, config, 0)
            .unwrap_err()
            .to_string()
    };
    assert!(problem(0, 8, 50).contains("at least one simulation"));
    assert!(problem(1, 0, 50).contains("0 windows of 50 ms"));
    assert!(problem(1, 8, 0).contains("8 windows of 0 ms"));
    let long = problem(1, 8, 101);
    assert!(
        long.contains("101 ms") && long.contains("100 ms") && long.contains("file.p"),
        "{long}"
    );
}

#[test]
fn windows_may_be_longer_than_the_published_simulations() {
    let config = WindowConfig {
        batch_size: 1,
        window_ms: 7000,
        ignore_first_ms: 500,
    };
    let sampler = sampler(2, 8000, config, 1);
    let batch = sampler.sparse(3).unwrap();
    assert_eq!((batch.time, batch.soma.len()), (7000, 7000));
    let inside = |start: usize| (500..=1000).contains(&start);
    assert!((0..20).all(|i| inside(sampler.draw(i)[0].1)));
}

#[test]
fn sparse_windows_are_the_dense_ones() {
    let config = WindowConfig {
        batch_size: 3,
        window_ms: 40,
        ignore_first_ms: 0,
    };
    let sampler = Arc::new(sampler(4, 200, config, 2));
    let sparse = Arc::new(SparseSampler(WindowSampler::clone(&sampler)));
    for (sparse, index) in BatchStream::new(sparse, 0, 9, 2).zip(0..) {
        let sparse = sparse.unwrap();
        assert!(sparse.places.is_sorted_by(|a, b| a < b) && sparse.places.len() < 30);
        assert_eq!(sparse.dense_len(), 120 * NUM_CHANNELS);
        assert_eq!(sparse.dense(), sampler.batch(index).unwrap());
    }
    let large = WindowConfig {
        batch_size: 1 << 20,
        window_ms: 100,
        ..config
    };
    let error = WindowSampler::new(sampler.simulations().clone(), large, 0).unwrap_err();
    assert!(error.to_string().contains("values"), "{error}");
}

#[test]
fn validation_windows_are_the_same_for_every_seed() {
    let config = WindowConfig {
        batch_size: 8,
        window_ms: 20,
        ignore_first_ms: 0,
    };
    let train = sampler(8, 500, config, 0);
    let set = train.simulations();
    let valid = || WindowSampler::validation(set.clone(), config).unwrap();
    assert_eq!(valid().draw(3), valid().draw(3));
    assert_ne!(valid().draw(3), valid().draw(4));
    for seed in 0..50 {
        let other = WindowSampler::new(set.clone(), config, seed).unwrap();
        assert_ne!(valid().draw(3), other.draw(3));
    }
}

#[test]
fn files_are_taken_in_turn() {
    let config = WindowConfig {
        batch_size: 4,
        window_ms: 50,
        ignore_first_ms: 0,
    };
    let names = ["a.p", "b.p", "c.p"];
    let all: Vec<Simulation> = names
        .iter()
        .flat_map(|name| (0..4).map(|i| simulation(name, i, 500, vec![])))
        .collect();
    let sampler = WindowSampler::new(all.into(), config, 7).unwrap();
    // a file lasts 2000 ms, a batch 200: three tenths of a file are three batches
    let sampler = sampler.with_file_load_fraction(0.3).unwrap();
    let file = |index| {
        let drawn = sampler.draw(index);
        let mut members: Vec<usize> = drawn.iter().map(|d| d.0 % 4).collect();
        members.sort();
        assert_eq!(members, [0, 1, 2, 3], "without replacement");
        let files: Vec<usize> = drawn.iter().map(|d| d.0 / 4).collect();
        assert!(files.iter().all(|f| *f == files[0]));
        files[0]
    };
    let files: Vec<usize> = (0..300).map(file).collect();
    assert!(
        files
            .chunks(3)
            .all(|stretch| stretch.iter().all(|f| *f == stretch[0]))
    );
    assert!((0..3).all(|f| files.iter().filter(|other| **other == f).count() > 60));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(sampler.clone().with_file_load_fraction(bad).is_err());
    }
}

// ------------------------------------------------------------------------------------------------ stream

#[test]
fn a_stream_gives_the_batches_of_its_sampler_in_order() {
    let config = WindowConfig {
        batch_size: 2,
        window_ms: 5,
        ignore_first_ms: 0,
    };
    let sampler = Arc::new(sampler(4, 100, config, 9));
    for workers in [0, 1, 3, 40] {
        let stream = BatchStream::new(Arc::clone(&sampler), 7, 20, workers);
        assert_eq!(stream.size_hint(), (20, Some(20)));
        let batches: Vec<_> = stream.map(Result::unwrap).collect();
        let expected: Vec<_> = (7..27).map(|i| sampler.batch(i).unwrap()).collect();
        assert!(batches == expected, "{workers} workers");
    }
    assert_eq!(BatchStream::new(sampler, 0, 0, 2).count(), 0);
}

#[test]
fn a_stream_dropped_early_ends_its_threads() {
    let config = WindowConfig {
        batch_size: 2,
        window_ms: 5,
        ignore_first_ms: 0,
    };
    let sampler = Arc::new(sampler(4, 100, config, 9));
    let (sender, receiver) = channel();
    let shared = Arc::clone(&sampler);
    std::thread::spawn(move || {
        let mut stream = BatchStream::new(shared, 0, u64::MAX, 3);
        let first = stream.next().and_then(Result::ok);
        drop(stream);
        sender.send(first)
    });
    // Drop waits for the threads, so this answer means that all of them ended.
    let first = receiver
        .recv_timeout(Duration::from_secs(30))
        .expect("the stream ends when it is dropped");
    assert!(first == Some(sampler.batch(0).unwrap()));
    assert_eq!(
        Arc::strong_count(&sampler),
        1,
        "no thread holds the sampler any more"
    );
}
