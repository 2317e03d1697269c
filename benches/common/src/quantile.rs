//! Medians and other quantiles.

/// The middle; between the two middle ones if there is an even number of them.
/// `NaN` of nothing: no bar is met by it.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The least of sorted figures that at least this share of them does not exceed
/// (nearest rank); nothing of nothing.
pub fn nearest<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The least and the greatest; `NaN` of nothing.
pub fn range(figures: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let wider = |(low, high): (f64, f64), figure: f64| (low.min(figure), high.max(figure));
    figures.into_iter().fold((f64::NAN, f64::NAN), wider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }

    #[test]
    fn nearest_ranks() {
        let sorted: Vec<u32> = (1..=100).collect();
        assert_eq!(nearest(&sorted, 0.5), Some(50));
        assert_eq!(nearest(&sorted, 0.99), Some(99));
        assert_eq!(nearest(&sorted, 0.999), Some(100));
        assert_eq!(nearest(&sorted, 0.0), Some(1));
        assert_eq!(nearest::<u32>(&[], 0.5), None);
    }

    #[test]
    fn ranges() {
        assert_eq!(range([2.0, 1.0, 3.0]), (1.0, 3.0));
        assert!(range([]).0.is_nan());
    }
}
