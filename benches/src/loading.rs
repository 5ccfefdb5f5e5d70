//! Samples in a second that each loader gives, beside those that training takes.

use std::time::Duration;

use elm_train::bench::loading_rates;
use elm_train::device;
use elm_train::recipe::Recipe;

/// Recipes whose loaders are timed.
const RECIPES: [&str; 8] = [
    "spikes",
    "spikes-adding",
    "listops",
    "text",
    "retrieval",
    "image",
    "pathfinder",
    "pathx",
];

/// Prints a line for each task; files of the published formats and lengths are made for it.
pub fn run(seconds: f64) -> Result<(), String> {
    let device = device::open("cpu").map_err(|e| e.to_string())?;
    let budget = Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())?;
    println!(
        "{:<16} {:>6} {:>14} {:>14} {:>8}",
        "recipe", "batch", "loaded / s", "trained / s", "ratio"
    );
    for name in RECIPES {
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut recipe = Recipe::builtin(name).map_err(|e| e.to_string())?;
        let made = recipe.task.make_example(dir.path());
        made.map_err(|e| format!("{name}: {e}"))?;
        recipe.data.dir = Some(dir.path().to_path_buf());
        let rates = loading_rates(&recipe, &device, budget).map_err(|e| format!("{name}: {e}"))?;
        println!(
            "{name:<16} {:>6} {:>14.1} {:>14.1} {:>8.1}",
            recipe.train.batch_size,
            rates.loaded,
            rates.trained,
            rates.ratio()
        );
    }
    Ok(())
}
