//! Recipes: what is read is written as the same recipe.
#![no_main]

use elm_fuzz as _; // its allocator

use elm_train::recipe::Recipe;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(recipe) = Recipe::from_toml(text, "recipe.toml") else {
        return;
    };
    if recipe.validate_settings().is_ok() {
        let written = recipe.to_toml();
        let again = Recipe::from_toml(&written, "recipe.toml").expect("what was written is read");
        assert_eq!(again.to_toml(), written);
    }
});
