//! Fewer points for the same picture.

/// Drops points that share a pixel column with others, except the first, the last, the highest and the
/// lowest of the column, so that no extreme is lost. The points must be ordered by x.
pub(super) fn thin(points: &[(f64, f64)], columns_per_pixel: f64) -> Vec<(f64, f64)> {
    let column = |point: &(f64, f64)| (point.0 * columns_per_pixel).floor();
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| column(a) == column(b)) {
        if group.len() <= 4 {
            kept.extend_from_slice(group);
            continue;
        }
        let by_y = |a: &usize, b: &usize| group[*a].1.total_cmp(&group[*b].1);
        let lowest = (0..group.len()).min_by(by_y).unwrap_or(0);
        let highest = (0..group.len()).max_by(by_y).unwrap_or(0);
        let mut indices = [0, lowest.min(highest), lowest.max(highest), group.len() - 1].to_vec();
        indices.dedup();
        kept.extend(indices.into_iter().map(|i| group[i]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_extremes_and_ends() {
        let mut points: Vec<_> = (0..10_000)
            .map(|i| (f64::from(i) * 0.05, f64::from(i % 7)))
            .collect();
        points[4321].1 = 99.0;
        points[1234].1 = -99.0;
        let few = thin(&points, 1.0);
        assert!(few.len() <= 4 * 500, "{}", few.len());
        assert!(few.contains(&points[4321]) && few.contains(&points[1234]));
        assert_eq!((few.first(), few.last()), (points.first(), points.last()));
        assert!(few.is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn short_lines_stay_as_they_are() {
        let points = [(0.0, 1.0), (0.1, 2.0), (5.0, 3.0)];
        assert_eq!(thin(&points, 1.0), points);
        assert_eq!(thin(&[], 1.0), []);
    }
}
