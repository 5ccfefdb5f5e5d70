//! Kills trainings at random moments, goes on with them, and compares what they end with to undisturbed ones.
//!
//! `cargo run --release -p elm-benches --bin chaos` needs the `elm` command beside it (`cargo build --release`). A run is the same if
//! its best model is, byte for byte, and every number of its epochs and of its test.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Kill trainings and compare.
#[derive(Debug, Parser)]
struct Args {
    /// Kills in all
    #[arg(long, default_value_t = 100)]
    kills: usize,
    /// Kills of one run, at most
    #[arg(long, default_value_t = 8)]
    per_run: usize,
    /// Starts at once into one folder
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// Seed of the moments [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// The `elm` command [default: the one beside this program]
    #[arg(long)]
    elm: Option<PathBuf>,
}

/// A training: its name, recipe and changes.
const CASES: [(&str, &[&str]); 6] = [
    ("quick", &["train.window_ms=200"]),
    ("spikes", &[]),
    ("spikes-adding", &[]),
    ("spikes-adding-network", &["network.memory_dropout=0.2"]),
    (
        "spikes",
        &["model.kind=transformer", "transformer.dropout=0.2"],
    ),
    ("spikes", &["model.kind=tcn", "tcn.norm=batch"]),
];
/// Changes of all of them: short epochs, and checkpoints so often that many kills meet one in the making.
const COMMON: [&str; 6] = [
    "train.epochs=4",
    "train.batches_per_epoch=100",
    "train.batch_size=4",
    "train.log_every=1",
    "checkpoint.every_steps=10",
    "train.average_decay=0.9",
];

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<bool> {
    let beside = std::env::current_exe()?.with_file_name("elm");
    let elm = args.elm.clone().unwrap_or(beside);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut moments = Moments(args.seed.unwrap_or(now));
    println!("seed {}", moments.0);
    let folder = tempfile::tempdir()?;
    let bench = Bench {
        elm,
        folder: folder.path().to_path_buf(),
    };
    let undisturbed = bench.undisturbed()?;
    let mut tally = vec![Tally::default(); CASES.len()];
    let mut kills = 0;
    for number in 0.. {
        if kills >= args.kills {
            break;
        }
        let case = number % CASES.len();
        let most = args.per_run.min(args.kills - kills);
        let (whole, seconds) = &undisturbed[case];
        let killed = bench.killed(case, number, most, *seconds, &mut moments)?;
        let tally = &mut tally[case];
        kills += killed.kills;
        tally.runs += 1;
        tally.same += usize::from(killed.outcome == *whole);
        tally.kills += killed.kills;
        tally.in_checkpoint += killed.in_checkpoint;
        tally.most_lost = tally.most_lost.max(killed.most_lost);
    }
    println!(
        "{:<44} {:>5} {:>5} {:>6} {:>14} {:>15}",
        "training", "runs", "same", "kills", "in checkpoint", "most steps lost"
    );
    for ((recipe, set), t) in CASES.iter().zip(&tally) {
        let name = format!("{recipe} {}", set.join(" "));
        println!(
            "{name:<44.44} {:>5} {:>5} {:>6} {:>14} {:>15}",
            t.runs, t.same, t.kills, t.in_checkpoint, t.most_lost
        );
    }
    let runs: usize = tally.iter().map(|t| t.runs).sum();
    let same: usize = tally.iter().map(|t| t.same).sum();
    println!("{kills} kills, {same} of {runs} runs the same as undisturbed ones");
    let winners = bench.at_once(args.starts)?;
    println!(
        "{} starts at once into one folder: {winners} trained",
        args.starts
    );
    Ok(same == runs && winners == 1)
}

#[derive(Debug, Clone, Default)]
struct Tally {
    runs: usize,
    same: usize,
    kills: usize,
    in_checkpoint: usize,
    most_lost: u64,
}

/// What a run that was killed came to.
struct Killed {
    outcome: Outcome,
    kills: usize,
    /// Kills that left a checkpoint half made.
    in_checkpoint: usize,
    most_lost: u64,
}

/// What must not depend on kills: the model, the epochs without their times, the test.
#[derive(Debug, PartialEq)]
struct Outcome {
    model: Vec<u8>,
    epochs: Vec<String>,
    test: String,
}

impl Outcome {
    fn of(run: &Path) -> Result<Self> {
        let table = std::fs::read_to_string(run.join("metrics.csv"))?;
        let timeless = |row: &str| -> String {
            let columns = row.split(',').enumerate();
            let kept = columns
                .filter(|(i, _)| !(2..4).contains(i))
                .map(|(_, value)| value);
            kept.collect::<Vec<_>>().join(",")
        };
        Ok(Self {
            model: std::fs::read(run.join("model.safetensors"))?,
            epochs: table.lines().map(timeless).collect(),
            test: std::fs::read_to_string(run.join("test.json"))?,
        })
    }
}

struct Bench {
    elm: PathBuf,
    folder: PathBuf,
}

impl Bench {
    /// A call that begins the training `case` in `run`, or goes on with it.
    fn call(&self, case: usize, run: &Path) -> Result<Child> {
        let mut command = Command::new(&self.elm);
        command.args(["train", "--device", "cpu", "--threads", "1"]);
        if run.join("recipe.toml").exists() {
            command.arg("--resume").arg(run);
        } else {
            let (recipe, set) = CASES[case];
            command.args(["--recipe", recipe, "--out"]).arg(run);
            let data = format!("data.dir={}", self.folder.join("spikes").display());
            let spiking = [
                &*data,
                "data.make_train=100",
                "data.make_test=20",
                "data.bin_ms=50",
                "train.warmup_steps=9",
            ];
            let set = set.iter().chain(&COMMON);
            let all = set.chain(spiking.iter().filter(|_| recipe != "quick"));
            for assignment in all {
                command.args(["--set", assignment]);
            }
            if recipe.starts_with("spikes-adding") {
                command.args([
                    "--set",
                    "data.valid_samples=20",
                    "--set",
                    "data.test_samples=20",
                ]);
            }
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        Ok(command.spawn()?)
    }

    /// What each training comes to, and the seconds it takes.
    fn undisturbed(&self) -> Result<Vec<(Outcome, f64)>> {
        let one = |case| {
            let run = self.folder.join(format!("whole-{case}"));
            // the first call may make the data
            for again in [false, true] {
                let _ = std::fs::remove_dir_all(&run);
                let begun = std::time::Instant::now();
                finished(self.call(case, &run)?)?;
                if again {
                    return Ok((Outcome::of(&run)?, begun.elapsed().as_secs_f64()));
                }
            }
            unreachable!("the second call returns")
        };
        (0..CASES.len()).map(one).collect()
    }

    fn killed(
        &self,
        case: usize,
        number: usize,
        most: usize,
        seconds: f64,
        moments: &mut Moments,
    ) -> Result<Killed> {
        let run = self.folder.join(format!("killed-{number}"));
        let (mut kills, mut in_checkpoint, mut most_lost) = (0, 0, 0);
        while kills < most {
            let mut child = self.call(case, &run)?;
            // at any moment of a third of the time, so that there is something to go on with
            let wait = moments.next(1000) as f64 / 1000.0 * (seconds / 3.0).max(0.05);
            std::thread::sleep(Duration::from_secs_f64(wait));
            if child.try_wait()?.is_some() {
                break;
            }
            child.kill()?;
            child.wait()?;
            kills += 1;
            let names: Vec<String> = names(&run.join("checkpoints"));
            in_checkpoint += usize::from(names.iter().any(|name| name.starts_with('.')));
            let saved = names
                .iter()
                .filter_map(|name| name.strip_prefix("step-")?.parse().ok());
            let saved: u64 = saved.max().unwrap_or(0);
            most_lost = most_lost.max(last_step(&run).saturating_sub(saved));
        }
        if !run.join("test.json").exists() || kills == most {
            finished(self.call(case, &run)?)?;
        }
        let outcome = Outcome::of(&run)?;
        std::fs::remove_dir_all(&run)?;
        Ok(Killed {
            outcome,
            kills,
            in_checkpoint,
            most_lost,
        })
    }

    /// Starts that got the folder, of so many at once.
    fn at_once(&self, starts: usize) -> Result<usize> {
        let run = self.folder.join("at-once");
        let children: Vec<Child> = (0..starts)
            .map(|_| self.call(0, &run))
            .collect::<Result<_>>()?;
        let ended = children.into_iter().map(Child::wait_with_output);
        let mut winners = 0;
        for output in ended {
            winners += usize::from(output?.status.success());
        }
        Ok(winners)
    }
}

fn finished(child: Child) -> Result<()> {
    let output = child.wait_with_output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The last step that a run told of.
fn last_step(run: &Path) -> u64 {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    let last = text.lines().rev().find_map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        value["step"].as_u64()
    });
    last.unwrap_or(0)
}

/// Numbers that look random.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}
