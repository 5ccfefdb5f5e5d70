use std::path::Path;

use elm_data::lra::image::{self, ENCODING, batch_from_bytes, read_batch};
use elm_data::{SequenceBatch, Split};
use proptest::prelude::*;

use super::{complains, data, pixels, put};

/// Byte `j` of image `n` in the files of `tests/data/cifar`, as their script says.
fn byte(n: usize, j: usize) -> u8 {
    ((37 * n + 7 * j + j / 32) % 256) as u8
}

fn label(n: usize) -> u8 {
    ((3 * n + 6) % 10) as u8
}

/// The image in the binary version.
fn record(n: usize) -> Vec<u8> {
    std::iter::once(label(n))
        .chain((0..3072).map(|j| byte(n, j)))
        .collect()
}

/// Asserts that `grey` is image `n`, up to the rounding of an exact half.
fn is_image(grey: &[u8], n: usize) {
    assert_eq!(grey.len(), 1024);
    for (j, grey) in grey.iter().enumerate() {
        let [r, g, b] = [0, 1024, 2048].map(|plane| f64::from(byte(n, plane + j)));
        let exact = 0.299 * r + 0.587 * g + 0.114 * b;
        assert!(
            (f64::from(*grey) - exact).abs() < 0.51,
            "image {n}, pixel {j}: {grey}, {exact}"
        );
    }
}

fn write_binary(folder: &Path) {
    for batch in 0..6 {
        let name = if batch < 5 {
            format!("data_batch_{}.bin", batch + 1)
        } else {
            "test_batch.bin".into()
        };
        put(
            folder,
            &format!("cifar-10-batches-bin/{name}"),
            [record(2 * batch), record(2 * batch + 1)].concat(),
        );
    }
}

#[test]
fn both_published_forms_give_the_same_images() {
    let folder = tempfile::tempdir().unwrap();
    write_binary(folder.path());
    for folder in [
        folder.path(),
        &folder.path().join("cifar-10-batches-bin"),
        &data("cifar"),
    ] {
        let [train, valid, test] =
            [Split::Train, Split::Valid, Split::Test].map(|s| image::open(folder, s).unwrap());
        assert_eq!([train.len(), valid.len(), test.len()], [9, 1, 2]);
        let images = [
            (&train, 0, 0),
            (&train, 8, 8),
            (&valid, 0, 9),
            (&test, 0, 10),
            (&test, 1, 11),
        ];
        for (part, index, n) in images {
            let sample = part.sample(index);
            is_image(pixels(&sample), n);
            assert_eq!(
                (sample.label, part.label(index)),
                (usize::from(label(n)), usize::from(label(n)))
            );
        }
    }
}

#[test]
fn a_column_major_array_is_the_same_batch() {
    let plain = read_batch(&data("cifar/data_batch_1")).unwrap();
    assert_eq!(read_batch(&data("cifar/fortran_batch")).unwrap(), plain);
}

#[test]
fn grey_is_normalised_by_the_published_statistics() {
    let test = image::open(&data("cifar"), Split::Test).unwrap();
    let batch = SequenceBatch::encode(&[test.sample(0)], &ENCODING)
        .unwrap()
        .remove(0);
    assert_eq!(batch.shape, [1, 1024, 1]);
    let grey = f32::from(pixels(&test.sample(0))[5]);
    assert!((batch.dense()[5] - (grey - 122.6) / 61.0).abs() < 1e-5);
}

#[test]
fn bad_binary_batches_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let says = |content: &[u8], words: &[&str]| {
        let path = put(folder.path(), "data_batch_1.bin", content);
        complains(read_batch(&path), &path, words);
    };
    let two = [record(0), record(1)].concat();
    says(b"", &["images of 3073 bytes", "found 0 bytes"]);
    says(&two[..6145], &["found 6145 bytes"]);
    says(&[&two[..], b"x"].concat(), &["found 6147 bytes"]);
    let mut bad = two;
    bad[3073] = 10;
    says(&bad, &["image 1: expected a label of 0 to 9, found 10"]);
}

#[test]
fn labels_out_of_range_are_named_wherever_they_are() {
    for (bad, label) in [(0, 10u8), (0, 128), (0, 31), (1, 255), (0, b'}')] {
        let mut batch: Vec<u8> = (0..2).flat_map(record).collect();
        batch[bad * 3073] = label;
        for name in ["data_batch_4.bin", "data_batch_4"] {
            complains(
                batch_from_bytes(name, &batch),
                Path::new(name),
                &[&format!(
                    "image {bad}: expected a label of 0 to 9, found {label}"
                )],
            );
        }
    }
}

#[test]
fn bad_pickled_batches_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(data("cifar/data_batch_1")).unwrap();
    let says = |content: &[u8], words: &[&str]| {
        let path = put(folder.path(), "data_batch_1", content);
        complains(read_batch(&path), &path, words);
    };
    let replaced = |from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let at = whole.windows(from.len()).position(|w| w == from).unwrap();
        [&whole[..at], to, &whole[at + from.len()..]].concat()
    };
    says(&whole[..3000], &["cut off"]);
    says(
        &replaced(b"numpy\nndarray", b"posix\nsystem_"),
        &["posix.system_"],
    );
    says(
        &replaced(b"U\x06labels", b"U\x06lapels"),
        &["the field labels is missing"],
    );
    says(
        &replaced(b"U\x04data", b"U\x04date"),
        &["the field data is missing"],
    );
    says(
        &replaced(b"U\x02u1", b"U\x02i1"),
        &["data: expected", "type u1", "type i1"],
    );
    says(
        &replaced(b"(K\x06K\x09e", b"(K\x06K\x0ae"),
        &["labels: expected 0 to 9 for image 1, found the integer 10"],
    );
    says(
        b"\x80\x02]q\x01.",
        &["expected a dict with data and labels, found a list of 0"],
    );
    says(
        b"\x80\x02}q\x01(U\x04dataK\x01U\x06labels]u.",
        &["data: expected an array", "found the integer 1"],
    );
}

#[test]
fn missing_batches_are_named() {
    let folder = tempfile::tempdir().unwrap();
    complains(
        image::open(folder.path(), Split::Test),
        folder.path(),
        &["test_batch.bin or test_batch", "cifar-10-batches-py"],
    );
    write_binary(folder.path());
    let inside = folder.path().join("cifar-10-batches-bin");
    let third = inside.join("data_batch_3.bin");
    std::fs::remove_file(&third).unwrap();
    complains(
        image::open(folder.path(), Split::Train),
        &third,
        &["cannot open it"],
    );
    std::fs::create_dir(&third).unwrap();
    complains(
        image::open(folder.path(), Split::Valid),
        &third,
        &["found a folder"],
    );
    std::fs::remove_dir(&third).unwrap();
    put(&inside, "data_batch_3.bin", record(0));
    complains(
        image::open(folder.path(), Split::Train),
        &inside,
        &["at least 10 training images, of which a tenth is the part `valid`, found 9"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn grey_images_read_back_equal(images in prop::collection::vec((0u8..10, any::<u64>()), 1..4)) {
        let folder = tempfile::tempdir().unwrap();
        let grey = |seed: u64| (0..1024u64).map(move |j| (seed.wrapping_mul(j | 1) >> 40) as u8);
        let mut file = Vec::new();
        for (label, seed) in &images {
            file.push(*label);
            for _ in 0..3 {
                file.extend(grey(*seed));
            }
        }
        let read = read_batch(&put(folder.path(), "b.bin", file)).unwrap();
        prop_assert_eq!(read.len(), images.len());
        for (i, (label, seed)) in images.iter().enumerate() {
            prop_assert_eq!(read.label(i), usize::from(*label));
            let sample = read.sample(i);
            prop_assert_eq!(pixels(&sample), &grey(*seed).collect::<Vec<u8>>()[..]);
        }
    }

    #[test]
    fn damaged_batches_do_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), end in any::<prop::sample::Index>()) {
        let mut whole = std::fs::read(data("cifar/data_batch_1")).unwrap();
        prop_assert!(batch_from_bytes("any", &whole[..end.index(whole.len())]).is_err());
        for (at, byte) in changes {
            // Most of the file are pixels: look at what is around them.
            let at = at.index(400);
            let at = if at < 200 { at } else { whole.len() - 1 - (at - 200) };
            whole[at] = byte;
        }
        let _ = batch_from_bytes("any", &whole);
    }

    #[test]
    fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(batch_from_bytes("any", &bytes).is_err());
        prop_assert!(batch_from_bytes("any", &[b"\x80\x02", &bytes[..]].concat()).is_err());
    }
}
