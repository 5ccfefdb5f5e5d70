//! Tiny files of named tasks in the layouts of the published ones.

use std::path::Path;

/// Film reviews, 6 of each kind and part.
pub fn reviews(dir: &Path) {
    for part in ["train/pos", "train/neg", "test/pos", "test/neg"] {
        let folder = dir.join("aclImdb").join(part);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..6 {
            let review = format!("review {i} of {part}, and so on. ").repeat(1 + i);
            std::fs::write(folder.join(format!("{i}_1.txt")), review).unwrap();
        }
    }
}

/// CIFAR-10's six files of 10 images each.
pub fn pictures(dir: &Path) {
    std::fs::create_dir_all(dir).unwrap();
    let images: Vec<u8> = (0..10u8)
        .flat_map(|i| std::iter::once(i).chain((0..3072u32).map(move |p| (p * u32::from(i)) as u8)))
        .collect();
    for number in 1..=5 {
        std::fs::write(dir.join(format!("data_batch_{number}.bin")), &images).unwrap();
    }
    std::fs::write(dir.join("test_batch.bin"), &images).unwrap();
}

/// 12 pairs of texts in each part.
pub fn pairs(dir: &Path) {
    std::fs::create_dir_all(dir).unwrap();
    let lines: String = (0..12)
        .map(|i| format!("{}\t{i}\t{i}\tthe first {i}\tand the second {i}\n", i % 2))
        .collect();
    for part in ["train", "eval", "test"] {
        std::fs::write(dir.join(format!("new_aan_pairs.{part}.tsv")), &lines).unwrap();
    }
}
