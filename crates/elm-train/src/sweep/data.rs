//! Data that members share and that is drawn by a program.

use std::path::Path;

use elm_data::shd::{SYNTHETIC_FILES, SyntheticShdOptions, generate_shd};

use super::expand::{Member, Sweep};
use super::folder::SweepFolder;
use crate::error::Result;
use crate::recipe::Recipe;
use crate::say;
use crate::stop::Stop;

/// Draws the synthetic spikes of a member unless they are there. A run of its own would draw them by its own seed; those
/// of a sweep are drawn by the seed of the first member that has them, whichever member comes first.
pub(super) fn prepare(
    sweep: &Sweep,
    folder: &SweepFolder,
    member: &Member,
    stop: &Stop,
) -> Result<()> {
    let recipe = sweep.recipe(member)?;
    let Some(dir) = missing(&recipe) else {
        return Ok(());
    };
    // one process at a time, and only the first of them finds nothing
    let _lock = folder.exclusive()?;
    if missing(&recipe).is_none() {
        return Ok(());
    }
    let mut first = None;
    for other in &sweep.members[..member.index] {
        let other = sweep.recipe(other)?;
        if other.task.is_synthetic() && other.data.dir == recipe.data.dir {
            first = Some(other);
            break;
        }
    }
    let first = first.as_ref().unwrap_or(&recipe);
    let mut options = SyntheticShdOptions::new(dir, first.seed);
    options.train = first.data.make_train.unwrap_or(options.train);
    options.test = first.data.make_test.unwrap_or(options.test);
    say!("drawing synthetic spikes into {}", dir.display());
    stop.named(generate_shd(&options, &|_| stop.flow()))?;
    Ok(())
}

/// The folder of a recipe's synthetic spikes that has none yet.
fn missing(recipe: &Recipe) -> Option<&Path> {
    let dir = recipe.data.dir.as_deref()?;
    let there = SYNTHETIC_FILES.iter().any(|name| dir.join(name).exists());
    let published = dir.exists() && dir.join("shd_train.h5").exists();
    (recipe.task.is_synthetic() && !there && !published).then_some(dir)
}
