//! Colours as grey values.

/// The luma of a colour (ITU-R BT.601): 0.299 R + 0.587 G + 0.114 B, rounded, in whole 65536ths.
pub(super) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let [red, green, blue] = [red, green, blue].map(u32::from);
    // The weights sum up to 65536, so that white stays 255 and nothing is cut off.
    ((19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::luma;

    #[test]
    fn luma_is_the_rounded_weighted_sum() {
        assert_eq!(luma([255, 255, 255]), 255);
        assert_eq!(
            [luma([255, 0, 0]), luma([0, 255, 0]), luma([0, 0, 255])],
            [76, 150, 29]
        );
        for grey in 0..=255 {
            assert_eq!(luma([grey; 3]), grey);
        }
        for colour in [[12, 200, 99], [250, 3, 77], [1, 2, 3]] {
            let [r, g, b] = colour.map(f64::from);
            let exact = 0.299 * r + 0.587 * g + 0.114 * b;
            assert!(
                (f64::from(luma(colour)) - exact).abs() <= 0.51,
                "{colour:?}"
            );
        }
    }
}
