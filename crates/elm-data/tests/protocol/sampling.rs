//! Windows that are drawn, and the batches of them.

use super::*;

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
