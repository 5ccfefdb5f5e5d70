//! Weight files as elm-model reads them: what `torch.save` wrote, or safetensors, in wrappers or without.
#![no_main]

use elm_model::weights::StateDict;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(dict) = StateDict::read_model(elm_fuzz::file(bytes)) {
        let _ = dict.infer_config();
        let _ = dict.to_safetensors();
        let _ = dict.to_pytorch();
    }
});
