//! Many runs of one plan: a base recipe, the keys that vary, and seeds.
//!
//! A sweep file is a pure function to an ordered list of members ([`Sweep::load`]). Every member is an ordinary run in a
//! folder of its own, and all that is known of a sweep is in files: any number of processes, on any number of machines
//! that see the folder, may work on it. Each member is claimed by a lock that the system drops with the process that holds
//! it, so what a killed process leaves is taken over by the next one. A member that fails stops no other.

mod claim;
mod draw;
mod expand;
mod folder;
mod halving;
mod jobs;
mod law;
mod page;
mod parse;
mod results;
mod scaling;
mod script;
mod sections;
mod share;
mod statistics;
mod work;
mod write;

pub use draw::Draw;
pub use expand::{Member, Sweep};
pub(crate) use folder::SWEEP;
pub use folder::{MemberState, SweepFolder, Tally};
pub use jobs::{Jobs, stop_with_parent};
pub use law::PowerLaw;
pub use page::write_report;
pub use parse::{BUILT_IN, Goal, Metric, SweepFile, text_of};
pub use results::{Ranked, Results, Setting};
pub use script::{Calls, quoted};
pub use sections::{Assignment, Axis, PARAMS, Random};
pub use share::Share;
pub use statistics::{Spread, student_t};
pub use work::Worker;
