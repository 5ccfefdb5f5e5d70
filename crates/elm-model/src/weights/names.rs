//! Names of tensors without what was around the model when it was saved.

use std::collections::{BTreeMap, BTreeSet};

/// A tensor that every ELM model of a kind has: a neuron, a network, a layer.
const ANCHORS: [&str; 3] = ["_proto_w_s", "layers.0.connectome", "connectome"];
/// Parts of a name that a wrapper puts in: DataParallel, compiled modules, sharded ones, recomputed ones.
const WRAPPERS: [&str; 4] = [
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];
/// What else a checkpoint holds beside the model that it is about: an average of its weights.
const AVERAGES: [&str; 3] = ["ema", "averaged", "swa"];

/// The tensors by the names that the model itself gave them; as they are where no ELM model is found.
///
/// # Errors
/// In words, if several models are in the file, or two tensors get one name.
pub(super) fn unwrapped<T>(tensors: BTreeMap<String, T>) -> Result<BTreeMap<String, T>, String> {
    let prefixes: BTreeSet<String> = tensors
        .keys()
        .filter_map(|name| prefix(&without_wrappers(name)))
        .collect();
    // the anchor of a layer is also the end of a network's
    let prefixes: Vec<&String> = match prefixes.iter().any(|p| !is_layer(p)) {
        true => prefixes.iter().filter(|p| !is_layer(p)).collect(),
        false => prefixes.iter().collect(),
    };
    let prefix = match prefixes[..] {
        [] => return Ok(tensors),
        [one] => one,
        _ => chosen(&prefixes)?,
    };
    // a model in a wrapper has all of its tensors in it
    let bare = tensors.keys().any(|name| {
        let plain = without_wrappers(name);
        plain == *name && self::prefix(&plain).as_ref() == Some(prefix)
    });
    let mut inner = BTreeMap::new();
    for (name, tensor) in tensors {
        let plain = without_wrappers(&name);
        if !bare && plain == name {
            continue; // beside the model
        }
        let longer = |other: &&&String| other.len() > prefix.len();
        if prefixes
            .iter()
            .filter(longer)
            .any(|other| plain.starts_with(other.as_str()))
        {
            continue; // of another model
        }
        // what is beside the model in its checkpoint is not of it, such as the state of an optimizer
        if let Some(rest) = plain.strip_prefix(prefix.as_str())
            && inner.insert(rest.to_string(), tensor).is_some()
        {
            return Err(format!(
                "holds two tensors that are `{rest}` without their wrappers, one of them `{name}`"
            ));
        }
    }
    Ok(inner)
}

/// What is before an anchor, with its dot.
fn prefix(name: &str) -> Option<String> {
    ANCHORS.iter().find_map(|anchor| {
        let prefix = name.strip_suffix(anchor)?;
        (prefix.is_empty() || prefix.ends_with('.')).then(|| prefix.to_string())
    })
}

/// Is it the prefix of a layer within a network?
fn is_layer(prefix: &str) -> bool {
    let mut parts = prefix.trim_end_matches('.').rsplit('.');
    let index = parts.next().is_some_and(|part| part.parse::<u32>().is_ok());
    index && parts.next() == Some("layers")
}

/// The one model that is not an average of another.
fn chosen<'a>(prefixes: &[&'a String]) -> Result<&'a String, String> {
    let averaged = |prefix: &str| AVERAGES.iter().any(|word| prefix.contains(word));
    let plain: Vec<&&String> = prefixes.iter().filter(|p| !averaged(p)).collect();
    match plain[..] {
        [one] => Ok(one),
        _ => {
            let names: Vec<String> = prefixes.iter().map(|p| format!("`{p}`")).collect();
            Err(format!(
                "holds {} models, their tensors behind {}; save the one that is meant alone: torch.save(model.state_dict(), FILE)",
                names.len(),
                names.join(" and ")
            ))
        }
    }
}

fn without_wrappers(name: &str) -> String {
    let parts: Vec<&str> = name
        .split('.')
        .filter(|part| !WRAPPERS.contains(part))
        .collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Result<Vec<String>, String> {
        let tensors = names.iter().map(|n| ((*n).to_string(), ())).collect();
        unwrapped(tensors).map(|tensors| tensors.into_keys().collect())
    }

    #[test]
    fn wrappers_come_off() {
        let plain = ["_proto_w_s", "mlp.network.0.weight"].map(String::from);
        for prefix in [
            "",
            "module.",
            "_orig_mod.",
            "module._orig_mod.",
            "state_dict.",
            "model_state_dict.model.module.",
            "net.",
        ] {
            let wrapped = plain.clone().map(|n| format!("{prefix}{n}"));
            let mut all: Vec<&str> = wrapped.iter().map(String::as_str).collect();
            if !prefix.is_empty() {
                all.push("optimizer.state.0.exp_avg");
            }
            assert_eq!(names(&all), Ok(plain.to_vec()), "{prefix}");
        }
        // a part alone was compiled
        let part = ["_proto_w_s", "mlp._orig_mod.network.0.weight"];
        assert_eq!(names(&part), Ok(plain.to_vec()));
        // nothing is dropped where the model is the file
        let extra = ["_proto_w_s", "other"];
        assert_eq!(names(&extra).map(|n| n.len()), Ok(2));
    }

    #[test]
    fn networks_and_layers_too() {
        let network = ["layers.0.connectome", "layers.1.connectome", "linear.bias"];
        let sorted = |names: &[&str]| names.iter().map(|n| (*n).to_string()).collect::<Vec<_>>();
        assert_eq!(names(&network), Ok(sorted(&network)));
        let wrapped = network.map(|n| format!("module.{n}"));
        let wrapped: Vec<&str> = wrapped.iter().map(String::as_str).collect();
        assert_eq!(names(&wrapped), Ok(sorted(&network)));
        assert_eq!(
            names(&["net.connectome", "net.b"]),
            Ok(sorted(&["b", "connectome"]))
        );
    }

    #[test]
    fn of_several_models_one_is_chosen_or_all_are_told() {
        let both = ["model._proto_w_s", "model_ema._proto_w_s"];
        assert_eq!(names(&both), Ok(vec!["_proto_w_s".into()]));
        let bare = ["_proto_w_s", "ema._proto_w_s", "ema.w_y.bias"];
        assert_eq!(names(&bare), Ok(vec!["_proto_w_s".into()]));
        let two = ["a._proto_w_s", "b._proto_w_s"];
        let error = names(&two).expect_err("two models");
        assert!(error.contains("`a.` and `b.`"), "{error}");
        let twins = ["module._proto_w_s", "_proto_w_s"];
        assert!(names(&twins).is_err());
        assert_eq!(names(&["x", "y"]), Ok(vec!["x".into(), "y".into()]));
    }
}
