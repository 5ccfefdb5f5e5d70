//! Reading NeuronIO data: published files, archives, shipped data, folders and conversion.
#![allow(clippy::unwrap_used)]

mod pickles;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use elm_data::BatchStream;
use elm_data::neuronio::{
    ConvertOutcome, ConvertSummary, Described, Simulation, SimulationSet, SparseSampler,
    SpikeEvent, Split, WindowConfig, WindowSampler, check_disjoint, convert, describe,
    open_simulations, read_archive, read_pickle, shipped, write_archive,
};

use pickles::{Content, python2};

/// The published-format files of the workshop, or `None` (with a message) where they are not.
fn real_files() -> Option<Vec<PathBuf>> {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/neuronio"
    ));
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not here", folder.display());
        return None;
    };
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.to_string_lossy().ends_with(".p.gz"));
    files.sort();
    Some(files)
}

fn real_file(seed: u32) -> Option<PathBuf> {
    let ending = format!("randomSeed_{seed}.p.gz");
    real_files()?
        .into_iter()
        .find(|f| f.to_string_lossy().ends_with(&ending))
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// What the hand-written pickle and the fixtures hold.
fn expected(source: &str, index: u32) -> Simulation {
    let event = |(time_ms, channel)| SpikeEvent::new(time_ms, channel).unwrap();
    Simulation {
        source: source.into(),
        index,
        duration_ms: 20,
        events: [
            (0, 0),
            (3, 0),
            (3, 638),
            (3, 639 + 2),
            (4, 639 + 2),
            (7, 638),
            (19, 0),
        ]
        .map(event)
        .to_vec(),
        output_spikes_ms: vec![4.5, 12.0],
        soma_mv: (0..20).map(|t| -76.0 + 0.5 * t as f32).collect(),
    }
}

#[test]
fn shipped_simulations_equal_the_files_they_come_from() {
    if real_files().is_none() {
        return;
    }
    let read = |seed| read_pickle(&real_file(seed).unwrap()).unwrap();
    let mut divided = read(102);
    let valid = divided.split_off(4);
    let train: Vec<Simulation> = [read(101), read(104), read(201), divided].concat();
    assert!(shipped(Split::Train).unwrap() == train);
    assert!(shipped(Split::Valid).unwrap() == valid);
    assert!(shipped(Split::Test).unwrap() == read(103));
}

/// Facts computed from the file with Python (`pickle.load(..., encoding='latin1')` and numpy), so that the reader is
/// not compared with itself alone.
#[test]
fn shipped_simulations_hold_what_python_reads() {
    let test = shipped(Split::Test).unwrap();
    let spikes: Vec<usize> = test.iter().map(|s| s.output_spikes_ms.len()).collect();
    assert_eq!(spikes, [0, 20, 0, 0, 12, 16, 13, 19]);
    assert_eq!(test[0].events.len(), 43306 + 34787);
    assert_eq!(
        test[0].events.iter().filter(|e| e.channel() < 639).count(),
        43306
    );
    let checks: Vec<(u64, u64)> = test.iter().map(checksums).collect();
    assert_eq!(checks, PYTHON_CHECKSUMS);
}

/// Position-weighted sums, the same in Python: over the sorted events, and over the bits of the voltages.
fn checksums(simulation: &Simulation) -> (u64, u64) {
    let events = simulation.events.iter().zip(1u64..);
    let events = events
        .map(|(e, i)| i * (u64::from(e.time_ms()) * 1278 + u64::from(e.channel())) % 1_000_003)
        .sum();
    let bits = simulation.soma_mv.iter().zip(1u64..);
    (
        events,
        bits.map(|(v, i)| i * u64::from(v.to_bits()) % 1_000_003)
            .sum(),
    )
}

const PYTHON_CHECKSUMS: [(u64, u64); 8] = [
    (39159060656, 3015325686),
    (49960491305, 2983918636),
    (41657992719, 3009349066),
    (42923956841, 3028410146),
    (44466535738, 3012742791),
    (43599332000, 2995014298),
    (44880656871, 2978486054),
    (43587502262, 3006858458),
];

#[test]
fn a_file_with_dendritic_voltages_survives_an_archive() {
    let Some(file) = real_file(910_001) else {
        return;
    };
    let simulations = read_pickle(&file).unwrap();
    assert_eq!(simulations.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.elmnio");
    write_archive(&path, &simulations).unwrap();
    assert!(read_archive(&path).unwrap() == simulations);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else is left behind"
    );
}

#[test]
fn python_3_fixtures_of_protocols_2_to_5_are_read() {
    for name in [
        "protocol2.p.gz",
        "protocol3.p.gz",
        "protocol4.p.gz",
        "protocol5.p.gz",
    ] {
        let simulations = read_pickle(&fixture(name)).unwrap();
        assert_eq!(
            simulations,
            [expected(name, 0), expected(name, 1)],
            "{name}"
        );
    }
}

#[test]
fn python_2_pickles_are_read_with_and_without_a_memo() {
    let folder = tempfile::tempdir().unwrap();
    for (name, remember) in [("with.p", true), ("without.p", false)] {
        let path = folder.path().join(name);
        std::fs::write(
            &path,
            python2(&Content {
                remember,
                ..Content::default()
            }),
        )
        .unwrap();
        assert_eq!(read_pickle(&path).unwrap(), [expected(name, 0)]);
    }
}

#[test]
fn a_spike_that_is_listed_twice_is_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twice.p");
    let excitatory = vec![(0, vec![19, 0, 3, 3]), (638, vec![7, 3, 7])];
    std::fs::write(
        &path,
        python2(&Content {
            excitatory,
            ..Content::default()
        }),
    )
    .unwrap();
    assert_eq!(read_pickle(&path).unwrap(), [expected("twice.p", 0)]);
}

#[test]
fn a_silent_cell_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent.p");
    let content = Content {
        excitatory: vec![(1, vec![]), (7, vec![5])],
        inhibitory: vec![],
        output: vec![],
        ..Content::default()
    };
    std::fs::write(&path, python2(&content)).unwrap();
    let simulations = read_pickle(&path).unwrap();
    assert!(simulations[0].output_spikes_ms.is_empty());
    assert_eq!(
        (simulations[0].events.len(), simulations[0].soma_mv.len()),
        (1, 20)
    );
    let archive = folder.path().join("silent.elmnio");
    write_archive(&archive, &simulations).unwrap();
    assert_eq!(read_archive(&archive).unwrap(), simulations);
    // Python 3 writes the empty array of protocol 2 with a call of `bytes`
    let simulations = read_pickle(&fixture("silent2.p.gz")).unwrap();
    let silent = Simulation {
        output_spikes_ms: vec![],
        ..expected("silent2.p.gz", 0)
    };
    assert_eq!(simulations, [silent]);
}

#[test]
fn folders_and_files_open_in_order_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("b.p"), python2(&Content::default())).unwrap();
    std::fs::copy(fixture("protocol2.p.gz"), inside.join("a.p.gz")).unwrap();
    std::fs::write(inside.join("notes.txt"), "not read").unwrap();
    // An archive by content, whatever its name is.
    let archive = folder.path().join("renamed.data");
    write_archive(&archive, &[expected("z.p", 0)]).unwrap();
    let simulations = open_simulations(&[archive, inside]).unwrap();
    let found: Vec<(&str, u32)> = simulations.iter().map(|s| (&*s.source, s.index)).collect();
    assert_eq!(
        found,
        [("z.p", 0), ("a.p.gz", 0), ("a.p.gz", 1), ("b.p", 0)]
    );
}

#[test]
fn a_set_decodes_the_simulations_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<Simulation> = (0..3).map(|i| expected("a.p", i)).collect();
    let archive = folder.path().join("a.elmnio");
    write_archive(&archive, &all).unwrap();
    std::fs::write(folder.path().join("b.p"), python2(&Content::default())).unwrap();
    let paths = [folder.path().to_path_buf()];
    let set = SimulationSet::open(&paths).unwrap();
    assert_eq!((set.len(), set.is_empty()), (4, false));
    for set in [&set, &set.with_cache(0), &set.with_cache(1 << 20)] {
        for (index, simulation) in all.iter().enumerate().cycle().take(7) {
            assert_eq!(*set.get(index).unwrap(), *simulation);
            let head = set.head(index);
            assert_eq!(
                (&*head.source, head.index, head.duration_ms),
                ("a.p", index as u32, 20)
            );
        }
        assert_eq!(*set.get(3).unwrap(), expected("b.p", 0));
    }
    assert_eq!(set.decode_all().unwrap(), open_simulations(&paths).unwrap());
}

#[test]
fn windows_are_the_same_from_archives_and_from_memory_whatever_the_workers() {
    let folder = tempfile::tempdir().unwrap();
    let all = shipped(Split::Valid).unwrap();
    let archive = folder.path().join("valid.elmnio");
    write_archive(&archive, &all).unwrap();
    let mapped = SimulationSet::open(&[archive]).unwrap();
    let config = WindowConfig {
        batch_size: 3,
        window_ms: 300,
        ignore_first_ms: 500,
    };
    let batches = |set: SimulationSet, workers| -> Vec<_> {
        let sampler = WindowSampler::new(set, config, 4).unwrap();
        let sampler = Arc::new(SparseSampler(sampler));
        BatchStream::new(sampler, 3, 8, workers)
            .map(Result::unwrap)
            .collect()
    };
    let expected = batches(all.into(), 0);
    assert!(expected.iter().all(|batch| batch.places.len() > 3000));
    for workers in [0, 1, 3] {
        assert!(batches(mapped.with_cache(0), workers) == expected);
        assert!(batches(mapped.clone(), workers) == expected);
    }
}

#[test]
fn a_damaged_record_is_an_error_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.elmnio");
    write_archive(&damaged, &shipped(Split::Valid).unwrap()[..2]).unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let set = SimulationSet::open(&[damaged]).unwrap();
    assert!(set.get(0).is_ok());
    let error = set.get(1).unwrap_err().to_string();
    assert!(
        error.contains("damaged.elmnio") && error.contains("checksum of record 1"),
        "{error}"
    );
    assert!(set.decode_all().is_err());
}

#[test]
fn parts_that_share_simulations_are_refused_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.p"), folder.path().join("b.elmnio"));
    std::fs::write(&a, python2(&Content::default())).unwrap();
    // the same simulation under another name, in another format, beside others
    let other = Content {
        excitatory: vec![(0, vec![1, 2, 19])],
        ..Content::default()
    };
    let c = folder.path().join("c.p");
    std::fs::write(&c, python2(&other)).unwrap();
    let renamed = Simulation {
        source: "renamed.p".into(),
        index: 5,
        ..expected("", 0)
    };
    write_archive(&b, &[renamed]).unwrap();
    let open = |paths: &[&PathBuf]| {
        let paths: Vec<PathBuf> = paths.iter().map(|p| p.to_path_buf()).collect();
        SimulationSet::open(&paths).unwrap()
    };
    let (train, valid, test) = (open(&[&a]), open(&[&c]), open(&[&b]));
    check_disjoint(&[("data.train", &train), ("data.valid", &valid)]).unwrap();
    let error = check_disjoint(&[
        ("data.train", &train),
        ("data.valid", &valid),
        ("data.test", &test),
    ]);
    let error = error.unwrap_err().to_string();
    assert_eq!(
        error,
        "`data.train` and `data.test` share 1 simulation(s), the first: simulation 0 of a.p is simulation 5 of renamed.p"
    );
    let shipped = [Split::Train, Split::Valid, Split::Test].map(|s| shipped(s).unwrap().into());
    let [train, valid, test]: [SimulationSet; 3] = shipped;
    check_disjoint(&[("train", &train), ("valid", &valid), ("test", &test)]).unwrap();
    assert!(check_disjoint(&[("train", &train), ("valid", &train)]).is_err());
}

#[test]
fn the_same_simulation_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pickle = folder.path().join("a.p");
    std::fs::write(&pickle, python2(&Content::default())).unwrap();
    write_archive(
        &folder.path().join("a.elmnio"),
        &read_pickle(&pickle).unwrap(),
    )
    .unwrap();
    let error = open_simulations(&[folder.path().into()])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("simulation 0 of a.p was already read from"),
        "{error}"
    );
}

#[test]
fn conversion_is_complete_and_resumable() {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&inputs).unwrap();
    std::fs::write(inputs.join("a.p"), python2(&Content::default())).unwrap();
    std::fs::copy(fixture("protocol3.p.gz"), inputs.join("b.p.gz")).unwrap();
    let told = Mutex::new(Vec::new());
    let run = || {
        convert(std::slice::from_ref(&inputs), &out, &|p| {
            told.lock().unwrap().push((p.done, p.total, p.outcome))
        })
    };

    let first = run().unwrap();
    assert_eq!((first.written, first.skipped, first.simulations), (2, 0, 3));
    let originals = open_simulations(std::slice::from_ref(&inputs)).unwrap();
    assert_eq!(
        open_simulations(std::slice::from_ref(&out)).unwrap(),
        originals
    );
    let mut names: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a.elmnio", "b.elmnio"]);

    assert_eq!(
        run().unwrap(),
        ConvertSummary {
            written: 0,
            skipped: 2,
            simulations: 3,
            ..ConvertSummary::default()
        }
    );

    // A damaged archive is written again, a whole one is not.
    let damaged = out.join("b.elmnio");
    let mut bytes = std::fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let third = run().unwrap();
    assert_eq!((third.written, third.skipped), (1, 1));
    assert_eq!(
        open_simulations(std::slice::from_ref(&out)).unwrap(),
        originals
    );

    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), 6);
    assert!(
        told.iter()
            .all(|(done, total, _)| (1..=2).contains(done) && *total == 2)
    );
    assert!(matches!(told[2].2, ConvertOutcome::Skipped { .. }));
}

#[test]
fn a_conversion_goes_on_past_bad_files_and_tells_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&input).unwrap();
    let whole = python2(&Content::default());
    for (name, bytes) in [
        ("a.p", &whole[..]),
        ("b.p", &whole[..whole.len() / 2]),
        ("c.p", b""),
        ("d.p", b"\xfd7zXZ\0"),
        ("e.p", &whole),
    ] {
        std::fs::write(input.join(name), bytes).unwrap();
    }
    write_archive(&input.join("f.p"), &[expected("f", 0)]).unwrap();
    let told = Mutex::new(0);
    let summary = convert(&[input], &out, &|p| {
        if let ConvertOutcome::Failed { .. } = p.outcome {
            *told.lock().unwrap() += 1;
        }
    })
    .unwrap();
    assert_eq!((summary.written, summary.simulations), (2, 2));
    assert_eq!(told.into_inner().unwrap(), 4);
    let words = ["cut off", "empty", "unxz", "found an archive"];
    assert_eq!(summary.failed.len(), words.len());
    for ((problem, name), words) in summary
        .failed
        .iter()
        .zip(["b.p", "c.p", "d.p", "f.p"])
        .zip(words)
    {
        assert!(
            problem.contains(name) && problem.contains(words),
            "{problem}"
        );
    }
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2);
}

#[test]
fn a_conversion_into_no_folder_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.p");
    std::fs::write(&input, python2(&Content::default())).unwrap();
    assert!(convert(&[input], Path::new("/proc/nowhere"), &|_| ()).is_err());
}

#[test]
fn pickles_of_protocols_0_and_1_and_with_other_containers_are_read() {
    for name in [
        "protocol0.p.gz",
        "protocol1.p.gz",
        "text2.p.gz",
        "text4.p.gz",
        "text5.p.gz",
        "containers0.p.gz",
        "containers2.p.gz",
        "containers4.p.gz",
        "objects2.p.gz",
        "objects5.p.gz",
    ] {
        let simulations = read_pickle(&fixture(name)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(
            simulations,
            [expected(name, 0), expected(name, 1)],
            "{name}"
        );
    }
}

#[test]
fn inputs_that_would_become_one_archive_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.p"), python2(&Content::default())).unwrap();
    std::fs::copy(fixture("protocol3.p.gz"), folder.path().join("a.p.gz")).unwrap();
    let out = folder.path().join("out");
    let error = convert(&[folder.path().into()], &out, &|_| ())
        .unwrap_err()
        .to_string();
    assert!(error.contains("would become the same archive"), "{error}");
    assert!(!out.exists());
}

#[test]
fn archives_are_described_by_their_heads_and_checked_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let all = shipped(Split::Test).unwrap();
    let path = folder.path().join("a.elmnio");
    write_archive(&path, &all).unwrap();
    let paths = [path.clone()];
    let go_on = |_: usize, _: usize| std::ops::ControlFlow::Continue(());
    let decoded = describe(&paths, true, &go_on).unwrap();
    let expected: Vec<Described> = all.iter().map(Described::of).collect();
    assert_eq!(decoded, expected);
    let heads = describe(&paths, false, &go_on).unwrap();
    assert!(heads.iter().all(|one| one.soma_mean_mv.is_none()));
    for (head, one) in heads.iter().zip(&all) {
        let head = &head.head;
        assert_eq!(head.input_spikes as usize, one.events.len());
        assert_eq!(head.output_spikes as usize, one.output_spikes_ms.len());
    }
    // pickles have no heads
    let pickle = describe(&[fixture("protocol2.p.gz")], false, &go_on).unwrap();
    assert!(!pickle.is_empty() && pickle.iter().all(|one| one.soma_mean_mv.is_some()));
    // what is damaged behind the heads is found by decoding alone
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(describe(&paths, false, &go_on).unwrap(), heads);
    let error = describe(&paths, true, &go_on).unwrap_err().to_string();
    assert!(
        error.contains("damaged") && error.contains("a.elmnio"),
        "{error}"
    );
    let stop = |_: usize, _: usize| std::ops::ControlFlow::Break(());
    assert!(describe(&paths, false, &stop).is_err());
}
