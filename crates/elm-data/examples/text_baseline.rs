//! What a language model of a text has to beat: bits per character of n-grams, for example on this project's own sources:
//! `cargo run --release -p elm-data --example text_baseline -- . rs md`.

use std::path::PathBuf;
use std::time::Instant;

use elm_data::Split;
use elm_data::text::{NGram, Text, TextOptions};

fn main() -> elm_data::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let path = arguments.next().map_or_else(|| ".".into(), PathBuf::from);
    let text = Text::open(&TextOptions {
        train: vec![path],
        extensions: arguments
            .map(|e| e.to_string_lossy().into_owned())
            .collect(),
        ..TextOptions::default()
    })?;
    for note in text.notes() {
        println!("note: {note}");
    }
    let symbols = text.vocabulary().len();
    let sizes = [Split::Train, Split::Valid, Split::Test].map(|s| text.part(s).len());
    println!(
        "{} files, {symbols} different bytes; bytes to train, validate, test: {sizes:?}",
        text.files()
    );
    for order in 1..=5 {
        let start = Instant::now();
        let model = NGram::train(text.part(Split::Train), symbols, order)?;
        let valid = model.bits_per_token(text.part(Split::Valid))?;
        let test = model.bits_per_token(text.part(Split::Test))?;
        println!(
            "order {order}: {valid:.3} bits per character to validate, {test:.3} to test ({:.1} s)",
            start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
