//! The receiver operating characteristic and the errors of the voltage.

use super::*;

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
