//! What may have been meant by a name that there is none of.

use super::schema::{RecipeKey, keys, sections};

/// ", did you mean `...`?" with the candidate nearest to `name`, or `otherwise` when none is near.
pub(super) fn hint<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    let leaf = |s: &str| s.rsplit('.').next().unwrap_or(s).to_lowercase();
    let score = |candidate: &str| {
        let whole = strsim::jaro_winkler(&name.to_lowercase(), candidate);
        // a key in the wrong table, or without one
        let last = strsim::jaro_winkler(&leaf(name), &leaf(candidate));
        whole.max(last) + 0.01 * whole
    };
    candidates
        .map(|candidate| (score(candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.8)
        .map_or_else(
            || otherwise.to_string(),
            |(_, candidate)| format!(", did you mean `{candidate}`?"),
        )
}

/// The key that another tool calls by this name, or that is written without its table or with dashes.
pub fn meant_key(name: &str) -> Option<&'static RecipeKey> {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    let plain = leaf.to_lowercase().replace('-', "_");
    let mut meant = keys().iter().filter(|key| {
        let alias = key.aliases.contains(&plain);
        alias || key.split().1 == plain && (!name.contains('.') || leaf != plain)
    });
    // of several tables with such a key, that of the training
    let of_training = meant.clone().find(|key| key.split().0 == "train");
    of_training.or_else(|| meant.next())
}

/// The hint for a key that no recipe has.
pub(super) fn key_hint(name: &str) -> String {
    if let Some(key) = meant_key(name) {
        return format!(", did you mean `{}`?", key.name);
    }
    // a table's name is meant by a name without a dot only
    let tables = sections().filter(|_| !name.contains('.'));
    let names = keys().iter().map(|key| key.name.as_str()).chain(tables);
    hint(name, names, "; `elm recipes` shows a recipe with all keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_tools_lead_to_keys() {
        let mut seen = std::collections::BTreeSet::new();
        for key in keys() {
            for alias in &key.aliases {
                assert!(seen.insert(alias), "{alias} stands for two keys");
                for name in [
                    alias.clone(),
                    format!("train.{alias}"),
                    alias.replace('_', "-"),
                ] {
                    assert_eq!(key_hint(&name), format!(", did you mean `{}`?", key.name));
                }
            }
        }
        for (name, key) in [
            ("lr", "train.learning_rate"),
            ("learning-rate", "train.learning_rate"),
            ("epochs", "train.epochs"),
            ("batch-size", "train.batch_size"),
            ("Batch_Size", "train.batch_size"),
            ("train.batch-size", "train.batch_size"),
            ("max_epochs", "train.epochs"),
            ("num_workers", "data.workers"),
            ("early-stopping", "train.patience"),
            ("steps", "train.steps"),
        ] {
            assert_eq!(key_hint(name), format!(", did you mean `{key}`?"), "{name}");
        }
    }
}
