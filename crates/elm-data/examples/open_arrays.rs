//! Opens a file of sequences, says what is in it, and makes the first batches:
//! `cargo run --release -p elm-data --example open_arrays -- data.npz`.

use std::sync::Arc;
use std::time::Instant;

use elm_data::BatchSource;
use elm_data::arrays::{
    ArrayBatches, ArrayFiles, ArrayOptions, ArraySet, Buckets, Normalization, Scaler, SequenceData,
};

fn main() -> elm_data::Result<()> {
    let Some(path) = std::env::args_os().nth(1) else {
        println!("expected the path of a file of sequences, found none");
        return Ok(());
    };
    let start = Instant::now();
    let since = |what: &str| println!("{:7.3} s  {what}", start.elapsed().as_secs_f64());
    let files = ArrayFiles {
        train: vec![path.into()],
        ..ArrayFiles::default()
    };
    let set = ArraySet::open(&files, &ArrayOptions::default())?;
    let targets = set.data.targets();
    since(&format!(
        "{}: to {} with {} outputs from {} channels",
        set.parts,
        targets.kind,
        targets.outputs,
        set.data.inputs().channels()
    ));
    for note in &set.notes {
        println!("note: {note}");
    }
    let (data, train) = (&*set.data, &set.parts.train);
    let inputs = Scaler::learn(Normalization::Standardize, data, train)?;
    let outputs = Scaler::learn_targets(Normalization::Standardize, data, train)?;
    since("normalisation learnt");
    let buckets = Buckets::new(data, train, 32, Some(0))?;
    println!(
        "{} batches an epoch, {:.1} % padding",
        buckets.batches(),
        100.0 * buckets.padding(0)
    );
    let source = ArrayBatches::new(Arc::clone(&set.data) as _, buckets, inputs, outputs)?;
    let batch = source.make(0)?;
    since(&format!("first batch, {:?}", batch.shape));
    for index in 1..21 {
        source.make(index)?;
    }
    since("20 more");
    Ok(())
}
