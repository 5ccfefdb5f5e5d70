//! From a sweep file to the ordered list of its members.

use std::collections::BTreeSet;
use std::path::Path;

use super::halving::Halving;
use super::parse::SweepFile;
use super::sections::{Assignment, PARAMS};
use crate::error::{Result, TrainError};
use crate::recipe::{Recipe, RecipeError, key_named};

/// More members than this are taken for a mistake.
const MOST: usize = 100_000;
/// Longest short name of a member.
const NAME: usize = 80;
/// The key that chooses the model, and with it which keys there are.
const KIND: &str = "model.kind";

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Name of its folder: the place, and what is its own.
    pub name: String,
    /// The values of the keys that vary.
    pub changes: Vec<Assignment>,
    /// Its seed.
    pub seed: u64,
    /// Number of its setting: members that differ in the seed alone have the same.
    pub setting: usize,
}

/// A sweep file with its base recipe and its members.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// What the file says.
    pub file: SweepFile,
    /// The recipe that all members start from.
    pub base: Recipe,
    /// The members in their order.
    pub members: Vec<Member>,
}

impl Sweep {
    /// Reads a sweep file and lists its members.
    ///
    /// # Errors
    /// For a file or a base recipe that cannot be read, or too many members.
    pub fn load(path: &Path) -> Result<Self> {
        let file = SweepFile::load(path)?;
        let base = file.base(path)?;
        Self::new(file, base).map_err(|problem| TrainError::file(path, problem))
    }

    /// The members of a file on a base recipe: rows of `[list]` vary slowest, then the keys of `[grid]` by their names,
    /// then draws, and seeds fastest.
    ///
    /// # Errors
    /// A sentence if there are too many members.
    pub fn new(file: SweepFile, base: Recipe) -> std::result::Result<Self, String> {
        let seeds = match file.seeds.is_empty() {
            true => vec![base.seed],
            false => file.seeds.clone(),
        };
        let grid = file.grid.iter().map(|axis| axis.values.len());
        let counts = grid.chain([file.list.len().max(1), file.random.n.max(1), seeds.len()]);
        let count = counts.fold(1usize, |all, n| all.saturating_mul(n));
        if count > MOST {
            return Err(format!(
                "the sweep would have {count} members, and may have {MOST}; vary fewer keys, or draw them in [random]"
            ));
        }
        let mut settings = vec![Vec::new()];
        if !file.list.is_empty() {
            settings = file.list.clone();
        }
        for axis in &file.grid {
            let values: Vec<Vec<Assignment>> = axis
                .values
                .iter()
                .map(|value| {
                    vec![Assignment {
                        key: axis.key.clone(),
                        value: value.clone(),
                    }]
                })
                .collect();
            settings = product(&settings, &values);
        }
        if file.random.n > 0 {
            let draws: Vec<_> = (0..file.random.n).map(|n| drawn(&file, n)).collect();
            settings = product(&settings, &draws);
        }
        let members = members(&settings, &seeds, count);
        Ok(Self {
            file,
            base,
            members,
        })
    }

    /// The recipe of a member.
    ///
    /// # Errors
    /// For a value of the wrong type or a key that the member's model has no use for, with the member.
    pub fn recipe(&self, member: &Member) -> Result<Recipe> {
        let mut recipe = self.base.clone();
        recipe.seed = member.seed;
        let of = |error: RecipeError| located(error, &member.name);
        let common = self.file.set.iter();
        // the model decides which keys there are
        let kind = common.clone().chain(&member.changes);
        for change in kind.filter(|change| change.key == KIND) {
            recipe.set(&change.text()).map_err(of)?;
        }
        // a common key is for the members that have a use for it
        for change in common.filter(|change| ![KIND, PARAMS].contains(&change.key.as_str())) {
            if serves(&change.key, &recipe) {
                recipe.set(&change.text()).map_err(of)?;
            }
        }
        let own = member.changes.iter();
        for change in own.filter(|change| ![KIND, PARAMS].contains(&change.key.as_str())) {
            recipe.set(&change.text()).map_err(of)?;
        }
        let mut all = self.file.set.iter().chain(&member.changes);
        match all.find(|change| change.key == PARAMS) {
            None => Ok(recipe),
            Some(params) => Ok(self.sized(member, recipe, params).map_err(of)?),
        }
    }

    /// A member's recipe with its size chosen for a number of parameters.
    fn sized(
        &self,
        member: &Member,
        recipe: Recipe,
        params: &Assignment,
    ) -> std::result::Result<Recipe, RecipeError> {
        let wrong = |problem: String| RecipeError::Value {
            origin: String::new(),
            key: PARAMS.into(),
            problem,
        };
        let count = params
            .value
            .as_integer()
            .and_then(|n| usize::try_from(n).ok());
        let count = count.filter(|n| *n > 0).ok_or_else(|| {
            wrong(format!(
                "must be a whole number above 0, found {}",
                params.value
            ))
        })?;
        if recipe.task.is_open() {
            return Err(wrong(format!(
                "has no use in the task {}, the sizes of whose models follow from its files: give the size itself",
                recipe.task
            )));
        }
        let sized = recipe.sized(count);
        let other = recipe.sized(count.saturating_mul(4));
        let chosen = recipe.differences(&sized).into_keys();
        for key in chosen.chain(recipe.differences(&other).into_keys()) {
            if self
                .file
                .set
                .iter()
                .chain(&member.changes)
                .any(|change| change.key == key)
            {
                return Err(wrong(format!(
                    "chooses `{key}`, which the sweep gives as well: leave one of them out"
                )));
            }
        }
        Ok(sized)
    }

    /// The recipe of a member, if it is valid.
    ///
    /// # Errors
    /// Why it is not, with the member.
    pub fn check(&self, member: &Member) -> Result<Recipe> {
        let recipe = self.recipe(member)?;
        let checked = recipe.validate();
        checked.map_err(|error| located(error, &member.name))?;
        Ok(recipe)
    }

    /// Checks the recipes of all members.
    ///
    /// # Errors
    /// The first that is not valid, or a common key that no member has a use for.
    pub fn validate(&self) -> Result<()> {
        let mut useless: BTreeSet<&str> = self.file.set.iter().map(|a| a.key.as_str()).collect();
        for member in &self.members {
            let recipe = self.check(member)?;
            useless.retain(|key| !serves(key, &recipe));
        }
        Halving::of(self)?;
        match useless.first() {
            Some(key) => Err(TrainError::Usage(format!(
                "[set]: `{key}` has no use in any member of the sweep"
            ))),
            None => Ok(()),
        }
    }

    /// Members of a setting, in the order of the seeds.
    pub fn of_setting(&self, setting: usize) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |m| m.setting == setting)
    }

    /// Settings, each with some seeds.
    pub fn num_settings(&self) -> usize {
        self.members.last().map_or(0, |member| member.setting + 1)
    }

    /// Is this the same list of members? What they are ranked by may differ, and where the data is.
    pub fn is_same(&self, other: &Self) -> bool {
        const PLACES: [&str; 4] = ["data.dir", "data.train", "data.valid", "data.test"];
        let differences = self.base.differences(&other.base);
        let same_file = SweepFile {
            metric: other.file.metric.clone(),
            base: other.file.base.clone(),
            ..self.file.clone()
        };
        same_file == other.file
            && self.members == other.members
            && differences.keys().all(|key| PLACES.contains(&key.as_str()))
    }
}

fn serves(key: &str, recipe: &Recipe) -> bool {
    key == PARAMS || key_named(key).is_some_and(|key| key.serves(recipe))
}

/// The error with the member that it is of.
fn located(error: RecipeError, member: &str) -> RecipeError {
    let origin = format!("member {member}");
    match error {
        RecipeError::UnknownKey { key, hint, .. } => RecipeError::UnknownKey { origin, key, hint },
        RecipeError::Value { key, problem, .. } => RecipeError::Value {
            origin,
            key,
            problem,
        },
        other => other,
    }
}

fn drawn(file: &SweepFile, n: usize) -> Vec<Assignment> {
    let random = &file.random;
    let draws = random.draws.iter();
    draws
        .map(|(key, draw)| Assignment {
            key: key.clone(),
            value: draw.value(random.seed, key, n),
        })
        .collect()
}

fn product(all: &[Vec<Assignment>], by: &[Vec<Assignment>]) -> Vec<Vec<Assignment>> {
    all.iter()
        .flat_map(|one| by.iter().map(move |more| [&one[..], more].concat()))
        .collect()
}

fn members(settings: &[Vec<Assignment>], seeds: &[u64], count: usize) -> Vec<Member> {
    let width = count.saturating_sub(1).to_string().len().max(3);
    let mut members = Vec::with_capacity(count);
    for (setting, changes) in settings.iter().enumerate() {
        for &seed in seeds {
            let index = members.len();
            let seed_name = (seeds.len() > 1).then(|| format!("seed-{seed}"));
            members.push(Member {
                index,
                name: format!("{index:0width$}{}", short_name(changes, seed_name)),
                changes: changes.clone(),
                seed,
                setting,
            });
        }
    }
    members
}

/// `-num_memory-20-seed-1`: what a member has of its own, in letters that every file system and shell takes.
fn short_name(changes: &[Assignment], seed: Option<String>) -> String {
    let parts = changes.iter().map(|change| {
        let leaf = change.key.rsplit('.').next().unwrap_or(&change.key);
        format!("{leaf}-{}", change.shown())
    });
    let mut name = String::new();
    for part in parts {
        name.push('-');
        name.extend(part.chars().map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => c,
            _ => '_',
        }));
    }
    name.truncate(NAME);
    match seed {
        Some(seed) => format!("{name}-{seed}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sweep(text: &str) -> Sweep {
        let file = SweepFile::parse(text).unwrap();
        let base = file.base(Path::new("x.toml")).unwrap();
        Sweep::new(file, base).unwrap()
    }

    const ALL: &str = r#"
        base = "quick"
        seeds = [3, 4]
        [set]
        train.epochs = 2
        [grid]
        model.num_memory = [4, 8]
        train.learning_rate = [1e-3, 1e-2]
        [list]
        train.batch_size = [2, 4]
        train.window_ms = [100, 200]
        [random]
        n = 3
        seed = 5
        train.clip_norm = { uniform = [0.5, 2.0] }
        model.activation = { choices = ["relu", "silu"] }
    "#;

    #[test]
    fn the_expansion_is_a_pure_function_to_an_ordered_list() {
        let all = sweep(ALL);
        assert_eq!(all, sweep(ALL));
        assert_eq!(all.members.len(), 2 * 2 * 2 * 3 * 2);
        assert_eq!(all.num_settings(), 24);
        let names: BTreeSet<_> = all.members.iter().map(|m| &m.name).collect();
        assert_eq!(names.len(), all.members.len());
        for (index, member) in all.members.iter().enumerate() {
            assert_eq!((member.index, member.setting), (index, index / 2));
            assert_eq!(member.seed, [3, 4][index % 2]);
        }
        all.validate().unwrap();
        let recipes: Vec<Recipe> = all.members.iter().map(|m| all.recipe(m).unwrap()).collect();
        for (i, a) in recipes.iter().enumerate() {
            assert_eq!(a.train.epochs, 2);
            // rows of the list stay together
            assert_eq!(a.train.window_ms, 50 * a.train.batch_size);
            assert!(recipes[..i].iter().all(|b| a != b));
        }
        assert_eq!(recipes[0].train.batch_size, 2);
        assert_eq!(recipes[23].train.batch_size, 2);
        assert_eq!(recipes[24].train.batch_size, 4);
        // the draws are the same everywhere
        assert_eq!(recipes[0].train.clip_norm, recipes[6].train.clip_norm);
        let beginning =
            "000-batch_size-2-window_ms-100-num_memory-4-learning_rate-0.001-activation-";
        let name = &all.members[0].name;
        assert!(
            name.starts_with(beginning) && name.ends_with("-seed-3"),
            "{name}"
        );
    }

    #[test]
    fn a_sweep_of_nothing_is_the_base_recipe() {
        let one = sweep("base = \"quick\"");
        assert_eq!(one.members.len(), 1);
        assert_eq!(one.members[0].name, "000");
        assert_eq!(one.recipe(&one.members[0]).unwrap(), one.base);
    }

    #[test]
    fn models_have_their_own_keys() {
        let text = r#"
            base = "spikes"
            [set]
            train.epochs = 3
            lif.num_neurons = 7
            [[list]]
            model.kind = "elm"
            model.num_memory = 5
            [[list]]
            model.kind = "lif"
        "#;
        let models = sweep(text);
        models.validate().unwrap();
        let recipes: Vec<Recipe> = models
            .members
            .iter()
            .map(|m| models.recipe(m).unwrap())
            .collect();
        assert_eq!(recipes[0].model.num_memory, 5);
        assert_eq!(
            (recipes[1].lif.num_neurons, recipes[1].train.epochs),
            (7, 3)
        );
        for (text, words) in [
            (
                "[grid]\nlif.num_neurons = [3]",
                "member 000-num_neurons-3: `lif.num_neurons` has no use in the model elm",
            ),
            ("[set]\nlif.num_neurons = 3", "has no use in any member"),
            (
                "[grid]\ntrain.epochs = [1, \"x\"]",
                "member 001-epochs-x: `train.epochs` must be a whole number",
            ),
            ("[grid]\ntrain.epochs = [1, 0]", "member 001-epochs-0"),
        ] {
            let error = sweep(&format!("base = \"spikes\"\n{text}"))
                .validate()
                .unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn sizes_follow_from_a_number_of_parameters() {
        let text = "base = \"spikes\"\n[grid]\nmodel.kind = [\"elm\", \"network\"]\nparams = [9000, 30000]";
        let sizes = sweep(text);
        sizes.validate().unwrap();
        for member in &sizes.members {
            let found = sizes.recipe(member).unwrap().num_trained();
            let asked = [9000, 30_000][member.index % 2];
            assert!(
                found.abs_diff(asked) < asked / 8,
                "{}: {found}",
                member.name
            );
        }
        for (text, words) in [
            (
                "base = \"spikes\"\n[set]\nparams = 9000\n[grid]\nmodel.num_memory = [3]",
                "`params` chooses `model.num_memory`, which the sweep gives as well",
            ),
            (
                "base = \"spikes\"\n[grid]\nparams = [0.5]",
                "must be a whole number above 0, found 0.5",
            ),
            (
                "base = \"arrays\"\n[grid]\nparams = [9000]",
                "no use in the task arrays",
            ),
        ] {
            let error = sweep(text).validate().unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn what_is_built_in_is_valid() {
        for (name, text) in crate::sweep::BUILT_IN {
            let sweep = sweep(text);
            sweep.validate().unwrap();
            assert!(sweep.members.len() > 1, "{name}");
            assert_eq!(crate::sweep::text_of(Path::new(name)).unwrap(), text);
        }
        let error = crate::sweep::text_of(Path::new("scalling")).unwrap_err();
        assert!(error.to_string().contains("built in: scaling"), "{error}");
    }

    #[test]
    fn too_many_members_are_refused() {
        let many: Vec<String> = (1..=400).map(|n| n.to_string()).collect();
        let many = many.join(", ");
        let text = format!(
            "base = \"quick\"\n[grid]\ntrain.epochs = [{many}]\ntrain.batch_size = [{many}]"
        );
        let file = SweepFile::parse(&text).unwrap();
        let error = Sweep::new(file, Recipe::default()).unwrap_err();
        assert!(error.contains("160000 members"), "{error}");
    }

    #[test]
    fn another_ranking_is_the_same_sweep_and_another_list_is_none() {
        let text = "base = \"quick\"\n[grid]\ntrain.epochs = [1, 2]";
        let one = sweep(text);
        assert!(one.is_same(&sweep(
            &text.replace("base", "metric = \"train_loss\"\nbase")
        )));
        assert!(!one.is_same(&sweep(&text.replace("[1, 2]", "[1, 3]"))));
        assert!(!one.is_same(&sweep(&text.replace("quick", "neuronio-best"))));
        let mut moved = one.clone();
        moved.base.data.train = crate::recipe::DataSource::Paths(vec!["elsewhere".into()]);
        assert!(one.is_same(&moved));
    }
}
