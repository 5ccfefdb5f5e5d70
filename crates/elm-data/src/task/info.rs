//! What is known of a task before its files are opened.

/// What is known of a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskInfo {
    /// Name on the command line and in recipes.
    pub name: &'static str,
    /// What is learnt, in one line.
    pub about: &'static str,
    /// Where to get the files, or how to make them.
    pub source: &'static str,
    /// The files that are read.
    pub files: &'static str,
    /// What their publishers say of their use.
    pub licence: &'static str,
    /// Published samples to train on, to validate and to test.
    pub samples: [usize; 3],
    /// Published samples of the files that the parts are in, where a seed divides a file.
    pub in_files: Option<[usize; 3]>,
    /// Longest sequence in steps; of binned data with the published bins.
    pub length: usize,
    /// Input channels.
    pub channels: usize,
    /// What kind of task it is.
    pub kind: TaskKind,
    /// Names of the classes; their numbers where there is none.
    pub classes: &'static [&'static str],
    /// Width and height of its images.
    pub side: Option<usize>,
    /// Is the data drawn by a program of this project and nowhere to be got?
    pub is_synthetic: bool,
    /// Can its files be converted to a compact format?
    pub converts: bool,
    /// What keys of recipes may need, and it has: `windows`, `time step`, `files`, `folder`, `answers`, `arrays`, `text`,
    /// `bins`, `made`, `lengths`, `seeded split`, `difficulty`, `picture`.
    pub uses: &'static [&'static str],
    /// Its name among the tasks of the Long Range Arena that the Transformer was published for.
    pub arena: Option<&'static str>,
    /// The result that was published for exactly one of its recipes.
    pub published: Option<Published>,
    /// What a report says of it, a sentence each.
    pub notes: &'static [&'static str],
    /// The recipes that come with the program; the first is used where nothing else is said.
    pub recipes: &'static [TaskRecipe],
}

impl TaskInfo {
    /// Nothing is known.
    pub const EMPTY: Self = Self {
        name: "",
        about: "",
        source: "",
        files: "",
        licence: "",
        samples: [0; 3],
        in_files: None,
        length: 0,
        channels: 0,
        kind: TaskKind::Open,
        classes: &[],
        side: None,
        is_synthetic: false,
        converts: false,
        uses: &[],
        arena: None,
        published: None,
        notes: &[],
        recipes: &[],
    };
}

/// A recipe that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskRecipe {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The recipe as TOML.
    pub text: &'static str,
    /// Keys that it has other than the text says, as `key=value`.
    pub set: &'static [&'static str],
}

/// A published result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// The recipe that it was published for, whatever the seed.
    pub recipe: &'static str,
    /// Share of right answers on the test (%).
    pub accuracy: f64,
    /// Samples that it was tested on.
    pub samples: usize,
    /// Where it was published.
    pub source: &'static str,
}

/// Kinds of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// Spike probability and soma voltage in every ms.
    NeuronIo,
    /// One class per sample.
    Classification {
        /// Number of classes.
        classes: usize,
        /// Sequences in a sample.
        inputs: usize,
    },
    /// The next token at every step.
    Language,
    /// What the files say.
    Open,
}

impl TaskKind {
    /// One class for each sequence.
    pub const fn classes(classes: usize) -> Self {
        Self::Classification { classes, inputs: 1 }
    }
}
